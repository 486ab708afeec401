# Warnings are errors everywhere; PLATTER_WARNINGS is for user-mode code, the driver adds its own.
set(PLATTER_WARNINGS
  -Wall -Wextra -Werror -Wshadow -Wundef -Wvla -Wformat=2 -Wpointer-arith -Wcast-qual -Wwrite-strings
  -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  list(APPEND PLATTER_WARNINGS -Wlogical-op -Wduplicated-cond)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  # gcc's -Wconversion does not count these, and one set of rules is enough.
  list(APPEND PLATTER_WARNINGS -Wno-implicit-int-conversion -Wno-shorten-64-to-32 -Wno-implicit-int-float-conversion)
endif()

# What every user-mode target gets: platter_target(name)
function(platter_target name)
  target_compile_options(${name} PRIVATE ${PLATTER_WARNINGS})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/include)
  if(WIN32)
    target_compile_definitions(${name} PRIVATE UNICODE _UNICODE WIN32_LEAN_AND_MEAN _WIN32_WINNT=0x0601
      NTDDI_VERSION=0x06010000 __USE_MINGW_ANSI_STDIO=1)
  else()
    target_compile_definitions(${name} PRIVATE _GNU_SOURCE _FILE_OFFSET_BITS=64)
  endif()
endfunction()
