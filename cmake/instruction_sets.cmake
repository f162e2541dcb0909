# Which instruction sets the CPU kernels are compiled for, of the rows of include/lamina/core/device.hpp:
#   lamina_isas             their names, the least first
#   lamina_options_NAME     the compiler's options of each
#   lamina_isa_rows         for config.hpp
set(LAMINA_ISAS all CACHE STRING
    "Instruction sets of the CPU kernels: names, all, or native: the best of this machine alone, for a program that runs on no lesser one")

# By the macros that the compiler defines for it.
function(lamina_features result)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} ${ARGN} -x c++ -dM -E /dev/null OUTPUT_VARIABLE macros COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "__[A-Z0-9_]+__ 1" features "${macros}")
  set(${result} ${features} PARENT_SCOPE)
endfunction()

file(READ include/lamina/core/device.hpp rows)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS include/lamina/core/device.hpp)
string(REGEX MATCHALL "X\\([a-z0-9_]+, \"[^\"]+\", \"[^\"]+\"" rows "${rows}")
lamina_features(native -march=native)
set(lamina_known)
foreach(row IN LISTS rows)
  string(REGEX REPLACE "X\\(([a-z0-9_]+), .*" "\\1" isa "${row}")
  string(REGEX REPLACE ".*\"([^\"]+)\"$" "\\1" options "${row}")
  separate_arguments(options)
  set(lamina_options_${isa} ${options})
  list(APPEND lamina_known ${isa})
  lamina_features(needed ${options})
  list(REMOVE_ITEM needed ${native})
  if(NOT needed)
    set(lamina_best ${isa})
  endif()
endforeach()

if(LAMINA_ISAS STREQUAL "all")
  set(lamina_isas ${lamina_known})
elseif(NOT LAMINA_ISAS STREQUAL "native")
  set(lamina_isas ${LAMINA_ISAS})
elseif(lamina_best)
  set(lamina_isas ${lamina_best})
else()
  message(FATAL_ERROR "this processor has none of ${lamina_known}, which the CPU kernels are written for")
endif()
set(lamina_isa_rows)
foreach(isa IN LISTS lamina_isas)
  if(NOT isa IN_LIST lamina_known)
    message(FATAL_ERROR "LAMINA_ISAS=${LAMINA_ISAS}: use all, native or some of ${lamina_known}")
  endif()
  string(APPEND lamina_isa_rows " LAMINA_ISA_${isa}(X __VA_OPT__(,) __VA_ARGS__)")
endforeach()
