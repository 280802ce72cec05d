# SPDX-License-Identifier: MIT
#
# What needs a library beyond libc and liburing is a component: a room of its own on the public
# headers, and a library of its own beside libhark.
#
# Rules    1  Its code never includes a private header, so it works with any libhark of its version.
#          2  Where its library is missing it is left out, with a word, and so are its tests and the
#             examples that include its header.

# src/NAME on top of the library that pkg-config calls MODULE: libhark-NAME, hark-NAME.pc, hark::NAME
# and hark::NAME_static. Sets HARK_HAVE_<NAME>.
set(HARK_COMPONENTS "" CACHE INTERNAL "Those that are built")
function(hark_component name module debian description)
    string(TOUPPER ${name} upper)
    set(HARK_HAVE_${upper} 0 PARENT_SCOPE)
    file(GLOB sources CONFIGURE_DEPENDS src/${name}/*.c)
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        pkg_check_modules(NEEDS_${upper} QUIET ${module})
    endif()
    if(NOT sources)
        return()
    endif()
    if(NOT NEEDS_${upper}_FOUND)
        message(STATUS "hark-${name} is left out: pkg-config knows no ${module} (Debian: ${debian})")
        return()
    endif()
    set(objects hark_${name}_objects)
    add_library(${objects} OBJECT ${sources})
    set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_include_directories(${objects} PRIVATE include)
    target_include_directories(${objects} SYSTEM PRIVATE ${NEEDS_${upper}_INCLUDE_DIRS})
    target_compile_definitions(${objects} PRIVATE ${HARK_DEFINITIONS})
    target_compile_options(${objects} PRIVATE
        "$<$<COMPILE_LANGUAGE:C>:${HARK_WARNINGS};${HARK_FLAGS}>")
    add_library(hark_${name}_static STATIC $<TARGET_OBJECTS:${objects}>)
    add_library(hark_${name}_shared SHARED $<TARGET_OBJECTS:${objects}>)
    set_target_properties(hark_${name}_static PROPERTIES
        OUTPUT_NAME hark-${name} EXPORT_NAME ${name}_static)
    set_target_properties(hark_${name}_shared PROPERTIES
        OUTPUT_NAME hark-${name} EXPORT_NAME ${name}
        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
        LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/hark.map)
    target_link_options(hark_${name}_shared PRIVATE
        -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/hark.map -Wl,-z,now)
    target_link_directories(hark_${name}_static PUBLIC
        $<BUILD_INTERFACE:${NEEDS_${upper}_LIBRARY_DIRS}>)
    target_link_libraries(hark_${name}_static PUBLIC hark_static ${NEEDS_${upper}_LIBRARIES})
    target_link_libraries(hark_${name}_shared PUBLIC hark_shared
        PRIVATE ${NEEDS_${upper}_LIBRARIES})
    set(HARK_COMPONENT ${name})
    set(HARK_COMPONENT_MODULE ${module})
    set(HARK_COMPONENT_DESCRIPTION ${description})
    configure_file(cmake/hark-component.pc.in hark-${name}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hark-${name}.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    install(TARGETS hark_${name}_static hark_${name}_shared EXPORT hark-targets)
    set(HARK_HAVE_${upper} 1 PARENT_SCOPE)
    set(HARK_COMPONENTS ${HARK_COMPONENTS} ${name} CACHE INTERNAL "Those that are built")
endfunction()

# The components whose headers a source includes; *lacks: one that is not built here.
function(hark_components_of source ret lacks)
    file(STRINGS ${source} lines REGEX "^#include <hark/(tls|dns)\\.h>")
    set(found "")
    set(missing FALSE)
    foreach(line IN LISTS lines)
        string(REGEX REPLACE ".*<hark/(.*)\\.h>.*" "\\1" name ${line})
        list(APPEND found ${name})
        if(NOT name IN_LIST HARK_COMPONENTS)
            set(missing TRUE)
        endif()
    endforeach()
    set(${ret} "${found}" PARENT_SCOPE)
    set(${lacks} ${missing} PARENT_SCOPE)
endfunction()
