local url = {}

function url.parse(text, default)
    local parts = {}
    for name, value in pairs(default or {}) do
        parts[name] = value
    end
    local found = host.url(text)
    for _, name in ipairs({ "scheme", "authority", "host", "port", "path", "query", "fragment" }) do
        parts[name] = found[name] or parts[name]
    end
    return parts
end

function url.absolute(base, relative)
    return host.url_join(base, relative)
end

function url.escape(text)
    return host.url_escape(text)
end

function url.unescape(text)
    return host.url_unescape(text)
end

return url
