--- Where books are put on this device. Whatever the server calls a book, it stays below the reader's own folder.

local Device = require("device")
local ffiUtil = require("ffi/util")
local lfs = require("libs/libkoreader-lfs")
local util = require("util")

local folders = {}

-- What is never finished should not fill the device unseen.
local ABANDONED_SECONDS = 30 * 24 * 3600
local PARTIAL_PATTERN = "^%.tomesync%-.*%.part$"

local function is_folder(path)
    return type(path) == "string" and path ~= "" and lfs.attributes(path, "mode") == "directory"
end

--- The folder below which all of it is put, without a slash at its end; nil if there is none on this device.
function folders.base()
    for _, name in ipairs({ "home_dir", "download_dir", "lastdir" }) do
        local path = G_reader_settings:readSetting(name)
        if is_folder(path) then
            return (path:gsub("(.)/+$", "%1"))
        end
    end
    return is_folder(Device.home_dir) and Device.home_dir or nil
end

--- KOReader knows what this file system refuses. It lets dots pass, and a hidden book is of no use.
local function safe_name(name, base)
    local safe = util.getSafeFilename(name:gsub("%c", " "), base) or ""
    safe = safe:gsub("/", "_"):gsub("^%s+", ""):gsub("^%.+", "_")
    return safe ~= "" and safe or "_"
end

-- The last one is kept: a series has one folder, and KOReader looks at the file systems for each name.
local known = {}

local function folder_of(base, told)
    if known.base ~= base or known.told ~= told then
        local parts = { base }
        for part in told:gmatch("[^/]+") do
            table.insert(parts, safe_name(part, base))
        end
        known = { base = base, told = told, folder = table.concat(parts, "/") }
    end
    return known.folder
end

--- Where a volume belongs: its folder, its path, and the path under which it is gathered until it is whole.
function folders.place(base, volume)
    local folder = folder_of(base, volume.folder or "")
    local file = volume.file
    local mark = (file.sha256 or file.ko_md5 or tostring(file.size)):sub(1, 12)
    return {
        folder = folder,
        path = folder .. "/" .. safe_name(volume.filename, base),
        -- The dot hides it from KOReader's file browser.
        partial = string.format("%s/.tomesync-%d-%s.part", folder, file.id, mark),
    }
end

--- The size of a file, or nil if there is none.
function folders.size_of(path)
    if lfs.attributes(path, "mode") ~= "file" then
        return nil
    end
    return lfs.attributes(path, "size")
end

--- Whether the folder is there now.
function folders.make(folder)
    util.makePath(folder)
    return is_folder(folder)
end

--- How many bytes may still be written there; nil if that cannot be told.
function folders.free_bytes(folder)
    local usage = util.diskUsage and util.diskUsage(folder)
    local free = usage and tonumber(usage.available)
    if free then
        return free
    end
    -- Older releases stumble over a space in the folder's name.
    local did_run, _total, available = pcall(ffiUtil.df, folder)
    return did_run and tonumber(available) or nil
end

--- The paths of the files in a folder, of those that KOReader shows; none if there is no such folder.
function folders.files_of(folder)
    local paths = {}
    if is_folder(folder) then
        for name in lfs.dir(folder) do
            local path = folder .. "/" .. name
            if name:sub(1, 1) ~= "." and folders.size_of(path) then
                table.insert(paths, path)
            end
        end
    end
    return paths
end

--- Delete what was begun long ago and never finished.
function folders.sweep(folder, now)
    if not is_folder(folder) then
        return
    end
    for name in lfs.dir(folder) do
        local path = folder .. "/" .. name
        local changed_at = name:find(PARTIAL_PATTERN) and lfs.attributes(path, "modification")
        if changed_at and now - changed_at > ABANDONED_SECONDS then
            os.remove(path)
        end
    end
end

return folders
