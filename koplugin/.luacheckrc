std = "luajit"
globals = { "G_reader_settings" }
self = false
ignore = { "21/_.*" }
max_line_length = 120
