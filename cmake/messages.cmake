# platter_messages(FILE RC OPTION...): compiles a message file to a resource script and sets RC to it. A program that
# names the script among its sources has the message table that Event Viewer reads its texts from.
find_program(PLATTER_WINDMC ${CMAKE_SYSTEM_PROCESSOR}-w64-mingw32-windmc REQUIRED)

function(platter_messages file rc)
  get_filename_component(name ${file} NAME_WE)
  # A folder of its own, because the table's file is named after its language alone.
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${name}.messages)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${folder}/${name}.rc ${folder}/${name}.h
    COMMAND ${PLATTER_WINDMC} ${ARGN} -h ${folder} -r ${folder} ${CMAKE_CURRENT_SOURCE_DIR}/${file}
    DEPENDS ${file} VERBATIM)
  set_source_files_properties(${folder}/${name}.rc PROPERTIES COMPILE_OPTIONS "-I${folder}")
  set(${rc} ${folder}/${name}.rc PARENT_SCOPE)
endfunction()
