--- Which books are on this device already. A look at the disk, good for as long as it takes to show a list or to plan a
--- download.

local util = require("util")

local folders = require("tomesync/folders")

local Shelf = {}
Shelf.__index = Shelf

--- `base` is the folder below which books are put, see `folders.base`; nil if there is none.
function Shelf.new(service, base)
    return setmetatable({ service = service, base = base, files = {} }, Shelf)
end

--- The paths of a folder's files, by their sizes.
function Shelf:_files_of(folder)
    if not self.files[folder] then
        local by_size = {}
        for _index, path in ipairs(folders.files_of(folder)) do
            local size = folders.size_of(path)
            by_size[size] = by_size[size] or {}
            table.insert(by_size[size], path)
        end
        self.files[folder] = by_size
    end
    return self.files[folder]
end

--- A file in the volume's folder that is this book, whatever it is called: its reader may have renamed it.
function Shelf:_same_file(volume)
    local place = folders.place(self.base, volume)
    for _index, path in ipairs(self:_files_of(place.folder)[volume.file.size] or {}) do
        if util.partialMD5(path) == volume.file.ko_md5 then
            return path
        end
    end
    return nil
end

--- Where the book lies, or nil. The second value says whether it was registered there.
function Shelf:find(volume)
    local registered = self.service.books:path_of(volume.book_id)
    if registered and folders.size_of(registered) then
        return registered, true
    end
    return self.base and volume.file and self:_same_file(volume) or nil, false
end

return Shelf
