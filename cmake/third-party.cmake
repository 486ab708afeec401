# The libraries that are not ours: platter_zlib, platter_zstd, platter_jansson, platter_gcrypt, as link targets.
# Natively from Debian's -dev packages. For Windows, static: zlib and libgcrypt from Debian's mingw-w64 packages, zstd and
# jansson built by scripts/third-party.sh into PLATTER_THIRD_PARTY.
set(PLATTER_THIRD_PARTY ${PROJECT_SOURCE_DIR}/build/third-party CACHE PATH "what scripts/third-party.sh has built")

# platter_library(name header library [libraries it needs...])
function(platter_library name header library)
  if(WIN32)
    set(own ${PLATTER_THIRD_PARTY}/${CMAKE_SYSTEM_PROCESSOR})
    find_path(${name}_include ${header} PATHS ${own}/include NO_CMAKE_FIND_ROOT_PATH REQUIRED
      HINTS ${CMAKE_FIND_ROOT_PATH}/include NO_DEFAULT_PATH)
    find_library(${name}_library NAMES lib${library}.a PATHS ${own}/lib NO_CMAKE_FIND_ROOT_PATH REQUIRED
      HINTS ${CMAKE_FIND_ROOT_PATH}/lib NO_DEFAULT_PATH)
  else()
    find_path(${name}_include ${header} REQUIRED)
    find_library(${name}_library NAMES ${library} REQUIRED)
  endif()
  add_library(${name} INTERFACE)
  target_include_directories(${name} SYSTEM INTERFACE ${${name}_include})
  target_link_libraries(${name} INTERFACE ${${name}_library} ${ARGN})
endfunction()

platter_library(platter_zlib zlib.h z)
platter_library(platter_zstd zstd.h zstd)
if(WIN32)
  platter_library(platter_jansson jansson.h jansson advapi32)
  platter_library(platter_gpgerror gpg-error.h gpg-error ws2_32)
  platter_library(platter_gcrypt gcrypt.h gcrypt platter_gpgerror)
else()
  platter_library(platter_jansson jansson.h jansson)
  platter_library(platter_gcrypt gcrypt.h gcrypt)
endif()
