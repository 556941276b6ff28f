local Version = {}

function Version:getCurrentRevision()
    return host.version
end

function Version:getShortVersion()
    return (host.version:gsub("^v", ""))
end

function Version:getNormalizedVersion(version)
    local year, month, point = (version or ""):match("v?(%d%d%d%d)%.(%d%d?)%.?(%d*)")
    if year then
        return ((year * 100 + month) * 100 + (tonumber(point) or 0)) * 10000
    end
    return nil
end

function Version:getNormalizedCurrentVersion()
    return self:getNormalizedVersion(host.version)
end

return Version
