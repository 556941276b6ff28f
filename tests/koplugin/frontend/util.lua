local ffiUtil = require("ffi/util")
local lfs = require("libs/libkoreader-lfs")

local util = {}

-- Names

function util.splitFilePathName(file)
    if not file:find("/") then
        return "", file
    end
    return file:match("(.*/)(.*)")
end

function util.splitFileNameSuffix(file)
    if file == nil or file == "" then
        return "", ""
    elseif not file:find("%.") then
        return file, ""
    end
    return file:match("(.*)%.(.*)")
end

function util.getFileNameSuffix(file)
    local _, suffix = util.splitFileNameSuffix(file)
    return suffix
end

function util.fixUtf8(text, replacement)
    return host.fix_utf8(text, replacement)
end

-- A reader's card is FAT, which bears the least.
local function allowed(text)
    return (text:gsub('[\\/:*?"<>|]', "_"):gsub("[.%s]+$", ""))
end

function util.getSafeFilename(name, _folder, limit, limit_of_suffix)
    local stem, suffix = util.splitFileNameSuffix(name)
    if #suffix > (limit_of_suffix or 10) then
        stem, suffix = name, ""
    end
    stem = stem:gsub("\r?\n", " "):gsub("\t", " "):sub(1, limit or 240)
    stem = allowed(util.fixUtf8(stem, ""))
    return suffix ~= "" and stem .. "." .. allowed(suffix) or stem
end

-- Files

util.partialMD5 = host.partial_md5

function util.fileExists(path)
    return lfs.attributes(path, "mode") == "file"
end

function util.directoryExists(path)
    return lfs.attributes(path, "mode") == "directory"
end

function util.pathExists(path)
    return lfs.attributes(path, "mode") ~= nil
end

function util.makePath(path)
    if util.directoryExists(path) then
        return true
    end
    local is_done, message
    local made = path:sub(1, 1) == "/" and "/" or ""
    for part in path:gmatch("([^/]+)") do
        made = made .. part .. "/"
        if not lfs.attributes(made, "mode") then
            is_done, message = lfs.mkdir(made)
            if not is_done then
                return nil, message .. " (creating `" .. made .. "` for `" .. path .. "`)"
            end
        end
    end
    return is_done, message
end

function util.removePath(path)
    return lfs.rmdir(path)
end

function util.removeFile(path)
    if not path or not util.fileExists(path) then
        return nil, (path or "nil") .. " is not a file"
    end
    return os.remove(path)
end

function util.readFromFile(path, mode)
    local file, message = io.open(path, mode or "r")
    if not file then
        return nil, message
    end
    local text = file:read("*a")
    file:close()
    return text
end

function util.writeToFile(text, path, is_forced, is_table, is_new)
    if is_table then
        text = "-- " .. path .. "\nreturn " .. text .. "\n"
    end
    local file, message = io.open(path, "wb")
    if not file then
        return nil, message
    end
    file:write(text)
    if is_forced then
        ffiUtil.fsyncOpenedFile(file)
    end
    file:close()
    if is_new then
        ffiUtil.fsyncDirectory(path)
    end
    return true
end

function util.diskUsage(path)
    local total, free, available = ffiUtil.df(path)
    if not total then
        return {}
    end
    return { total = total, used = total - free, available = available }
end

function util.getFriendlySize(size)
    if type(size) ~= "number" then
        return nil
    elseif size > 1000 * 1000 * 1000 then
        return string.format("%4.1f GB", size / 1e9)
    elseif size > 1000 * 1000 then
        return string.format("%4.1f MB", size / 1e6)
    elseif size > 1000 then
        return string.format("%4.1f kB", size / 1e3)
    end
    return string.format("%d B", size)
end

-- Tables and texts

function util.tableSize(values)
    local size = 0
    for _ in pairs(values) do
        size = size + 1
    end
    return size
end

function util.tableDeepCopy(value)
    if type(value) ~= "table" then
        return value
    end
    local copy = {}
    for key, inner in pairs(value) do
        copy[util.tableDeepCopy(key)] = util.tableDeepCopy(inner)
    end
    return setmetatable(copy, getmetatable(value))
end

function util.trim(text)
    return text:match("^%s*(.-)%s*$")
end

function util.urlEncode(text)
    return text and host.url_escape(text)
end

function util.urlDecode(text)
    return text and host.url_unescape(text)
end

function util.htmlToPlainTextIfHtml(text)
    return text
end

return util
