-- KOReader runs LuaJIT and has a few globals of its own.
std = "luajit"
read_globals = { "G_defaults", "G_reader_settings" }
self = false -- a handler is a method, whether or not it looks at the plugin
ignore = { "21./_.*" } -- a name with an underscore says that it is not used
max_line_length = 120
-- The stand-in for KOReader: `host` is the Python around it, its clock is the test's, and its power can fail.
files["tests/koplugin"] = { globals = { "coroutine", "host", "io", "os", "G_reader_settings" } }
-- Made from the translations, one to a line.
files["koplugin/l10n"] = { max_line_length = false }
