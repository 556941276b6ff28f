-- What KOReader keeps of a book. It lies beside the data here, not beside the book, as the reader may choose.

local LuaSettings = require("luasettings")

local DocSettings = {}

function DocSettings:path_of(file)
    return host.data_dir .. "/sidecars/" .. host.hash("md5", file) .. ".lua"
end

function DocSettings:hasSidecarFile(file)
    return host.attributes(self:path_of(file)) ~= nil
end

function DocSettings:open(file)
    local settings = LuaSettings:open_own(self:path_of(file))
    settings.data.doc_path = file
    return settings
end

return DocSettings
