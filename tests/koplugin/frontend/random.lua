local random = {}

function random.uuid(with_dashes)
    local id = host.uuid()
    return with_dashes and id or (id:gsub("-", ""))
end

return random
