# One tree gives one set of bytes, wherever it lies and whenever it is built.
add_compile_options(
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=
  -ffile-prefix-map=${CMAKE_BINARY_DIR}/=build/)
if(WIN32)
  # No symbols: they are three quarters of a program, and Windows has no use for this kind.
  add_link_options(-Wl,--no-insert-timestamp -s)
endif()
