/* SPDX-License-Identifier: MIT
 *
 * finders.h - which model finds which bug, and within how many schedules. Made to be included into a
 * table of planted_test.c.
 */
