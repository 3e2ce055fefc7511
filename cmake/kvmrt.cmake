# What every target of the project shares: language level, warnings, hardening, sanitizers, and
# two functions that turn a folder into a library and a file into a test.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# For size: the program sleeps nearly always, and what it maps is what it keeps resident. Assertions
# stay.
set(CMAKE_CXX_FLAGS_RELEASE "-Os" CACHE STRING "" FORCE)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE}")
endif()

include(CheckLinkerFlag)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(pugixml REQUIRED)
pkg_check_modules(CAPNG REQUIRED IMPORTED_TARGET libcap-ng)
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)

# A start of a VM pays for each shared library that is loaded and bound, and keeps what it touched
# resident. So a release takes the archives of those in C++, and of the standard library, as far as
# there are any: 1.2 ms of 2.5 until main(), and 2 MiB of 8 resident. gold folds identical functions,
# without which that would be a program of nearly 5 MB.
function(kvmrt_archive name shared archive)
  find_library(KVMRT_${archive} NAMES "${archive}")
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND KVMRT_${archive})
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE "${KVMRT_${archive}}")
    # Debian's development packages put the headers where the compiler looks anyhow.
  else()
    add_library(${name} ALIAS ${shared})
  endif()
endfunction()
kvmrt_archive(kvmrt_yaml yaml-cpp libyaml-cpp.a)
kvmrt_archive(kvmrt_xml pugixml::pugixml libpugixml.a)
kvmrt_archive(kvmrt_ini PkgConfig::INIH libinih.a)
kvmrt_archive(kvmrt_capng PkgConfig::CAPNG libcap-ng.a)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_library(kvmrt_fmt STATIC "${CMAKE_SOURCE_DIR}/cmake/fmt.cc")
  target_compile_options(kvmrt_fmt PRIVATE -ffunction-sections -fdata-sections)
  check_linker_flag(CXX "-fuse-ld=gold;-Wl,--icf=safe" KVMRT_GOLD)
else()
  add_library(kvmrt_fmt ALIAS fmt::fmt)
endif()
if(KVMRT_GOLD)
  set(KVMRT_PROGRAM_LINK_OPTIONS -fuse-ld=gold -Wl,--icf=safe -static-libstdc++ -static-libgcc)
endif()

add_library(kvmrt_options INTERFACE)
target_include_directories(kvmrt_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(kvmrt_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wundef -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(kvmrt_options INTERFACE -Wduplicated-cond -Wlogical-op)
  target_compile_options(kvmrt_options INTERFACE -fcoroutines)
  # g++ 12 sees a moved-from small_vector's inline words read past their end; they are not.
  target_compile_options(kvmrt_options INTERFACE -Wno-stringop-overread)
  # g++ 12 sees overlap in std::string's own operator+ once it inlines (its bug 105651).
  target_compile_options(kvmrt_options INTERFACE $<$<NOT:$<CONFIG:Debug>>:-Wno-restrict>)
endif()
target_compile_options(kvmrt_options INTERFACE -fstack-protector-strong -ffunction-sections -fdata-sections)
target_link_options(kvmrt_options INTERFACE -Wl,--gc-sections -Wl,--as-needed)
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(kvmrt_options INTERFACE _GLIBCXX_ASSERTIONS)
else()
  target_link_options(kvmrt_options INTERFACE -Wl,-z,relro -Wl,-z,now)
  if(NOT KVMRT_SANITIZE)
    target_compile_definitions(kvmrt_options INTERFACE _FORTIFY_SOURCE=2)
  endif()
endif()
target_compile_definitions(kvmrt_options INTERFACE KVMRT_VERSION="${PROJECT_VERSION}")
if(KVMRT_FUZZ)
  target_compile_options(kvmrt_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(KVMRT_SANITIZE)
  target_compile_options(kvmrt_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(kvmrt_options INTERFACE -fsanitize=address,undefined)
endif()

# kvmrt_library(NAME [PUBLIC libs…] [PRIVATE libs…]): all .cc files of this folder as one static
# library. Subfolders belong to it too.
function(kvmrt_library name)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  list(REMOVE_ITEM sources ${ARG_EXCLUDE})
  add_library(kvmrt_${name} STATIC ${sources})
  target_link_libraries(kvmrt_${name} PUBLIC kvmrt_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

configure_file("${CMAKE_SOURCE_DIR}/tests/paths.h.in" "${CMAKE_BINARY_DIR}/generated/tests/paths.h" @ONLY)

# kvmrt_tests(FOLDER LABEL libs…): each *_test.cc of tests/FOLDER becomes one executable and one
# ctest of the given label.
function(kvmrt_tests folder label)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/${folder}/*_test.cc")
  foreach(source IN LISTS sources)
    get_filename_component(stem "${source}" NAME_WE)
    set(target "${folder}_${stem}")
    add_executable(${target} "${source}")
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    target_link_libraries(${target} PRIVATE kvmrt_options ${ARGN} GTest::gtest GTest::gmock GTest::gtest_main)
    target_include_directories(${target} PRIVATE "${CMAKE_BINARY_DIR}/generated")
    if(NOT TARGET ${folder}_tests)
      add_custom_target(${folder}_tests)
    endif()
    add_dependencies(${folder}_tests ${target})
    add_test(NAME ${target} COMMAND ${target})
    set_tests_properties(${target} PROPERTIES LABELS "${label}" TIMEOUT 300 SKIP_RETURN_CODE 77)
  endforeach()
endfunction()
