/* SPDX-License-Identifier: MIT
 *
 * start.js - last of all: builds the page, then does what the address asks for.
 */
"use strict";

build();
if (location.hash === "#check") {
    check();
} else if (location.hash === "#pictures") {
    pictures();
} else {
    follow_the_window();
    go_to_hash();
}
