# kvmrt_testhost_test(NAME name [SHAPE shape] [KERNEL label] [TIMEOUT seconds] [MODULES a,b]
#                     [APPEND kernel arguments] COMMAND command…)
# A ctest with the label `testhost` that runs a command (a script, or $<TARGET_FILE:…>) as root
# inside scripts/testhost. One boots at a time: each wants all of the machine. Where the test host
# cannot be had the test is skipped; exit 77 from the command skips too. TIMEOUT (default 600)
# covers boot and command.
include_guard(GLOBAL)

function(kvmrt_testhost_test)
  cmake_parse_arguments(ARG "" "NAME;SHAPE;KERNEL;TIMEOUT;MODULES;APPEND" "COMMAND" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  set(options --timeout ${ARG_TIMEOUT})
  foreach(option SHAPE KERNEL MODULES APPEND)
    if(ARG_${option})
      string(TOLOWER ${option} flag)
      list(APPEND options --${flag} "${ARG_${option}}")
    endif()
  endforeach()
  add_test(NAME ${ARG_NAME} COMMAND "${CMAKE_SOURCE_DIR}/scripts/testhost" ${options} -- ${ARG_COMMAND})
  kvmrt_boots_machines(${ARG_NAME} ${ARG_TIMEOUT})
endfunction()

# The same properties for a script that calls scripts/testhost itself. The first run may have to
# download a kernel, which the test host's own timeout does not count.
function(kvmrt_boots_machines name timeout)
  math(EXPR limit "${timeout} + 300")
  set_tests_properties(${name} PROPERTIES
    LABELS testhost RESOURCE_LOCK testhost SKIP_RETURN_CODE 77 TIMEOUT ${limit})
endfunction()
