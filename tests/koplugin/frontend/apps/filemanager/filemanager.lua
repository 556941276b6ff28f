local FileManager = { instance = nil }

return FileManager
