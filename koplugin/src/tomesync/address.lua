--- The server's address as a reader types it. The server that makes the plugin has the same rules for it.

local address = {}

-- What stands between the brackets of an address like http://[fe80::1]:8080.
local function is_ipv6(text)
    local count = 0
    for group in text:gmatch("[^:]+") do
        if not group:match("^%x%x?%x?%x?$") then
            return false
        end
        count = count + 1
    end
    local _, gaps = text:gsub("::", "")
    if gaps == 0 then
        return count == 8 and not text:find("^:") and not text:find(":$")
    end
    return gaps == 1 and count < 8 and not text:find(":::") and not text:find("^:[^:]") and not text:find("[^:]:$")
end

--- Without spaces around it and slashes at its end; nil if no server can be reached by it, "" if nothing was typed.
--
-- A scheme that was left out is http, which is what servers at home speak.
function address.cleaned(text)
    local url = text:match("^%s*(.-)[%s/]*$")
    if url == "" then
        return ""
    end
    if not url:find("://", 1, true) then
        url = "http://" .. url
    end
    local scheme, host, rest = url:match("^(%a+)://([%w%.%-_]+)(.*)$")
    if not scheme then
        scheme, host, rest = url:match("^(%a+)://(%[[%x:]+%])(.*)$")
        if not scheme or not is_ipv6(host:sub(2, -2)) then
            return nil
        end
    end
    scheme = scheme:lower()
    if scheme ~= "http" and scheme ~= "https" then
        return nil
    end
    local port, path = rest:match("^:(%d+)(.*)$")
    path = path or rest
    if port and (tonumber(port) < 1 or tonumber(port) > 65535) then
        return nil
    end
    if path ~= "" and not path:match("^/[%w%.%-_~/%%]*$") then
        return nil
    end
    return scheme .. "://" .. host .. rest
end

return address
