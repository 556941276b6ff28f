local util = {}

function util.splitFilePathName(file)
    if not file:find("/") then
        return "", file
    end
    return file:match("(.*/)(.*)")
end

util.partialMD5 = host.partial_md5

function util.fixUtf8(text, replacement)
    return host.fix_utf8(text, replacement)
end

return util
