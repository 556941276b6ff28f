local ReaderUI = { instance = nil }

function ReaderUI:showReader(path)
    host.show_reader(path)
end

return ReaderUI
