--- With a text: its sum in hex. Without: a function that takes the text in pieces, and answers the sum when given none.
local function summing(name)
    return function(text)
        if text ~= nil then
            return host.hash(name, text)
        end
        local add = host.hasher(name)
        local function partial(piece)
            if piece == nil then
                return add(nil)
            end
            add(piece)
            return partial
        end
        return partial
    end
end

return {
    md5 = summing("md5"),
    sha1 = summing("sha1"),
    sha256 = summing("sha256"),
    sha512 = summing("sha512"),
}
