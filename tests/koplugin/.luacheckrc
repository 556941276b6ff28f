std = "luajit"
globals = { "G_reader_settings", "host", "io", "os" }
self = false
ignore = { "21/_.*" }
max_line_length = 120
