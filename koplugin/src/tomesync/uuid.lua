--- Names for sessions. KOReader's own are seeded with the second at which it started, so two devices of one reader
--- could make the same ones, and the server would take two sessions for one.

local sha2 = require("ffi/sha2")

local uuid = {}

local count = 0

local function from_hex(hex)
    local variant = string.format("%x", 8 + tonumber(hex:sub(17, 17), 16) % 4)
    return string.format(
        "%s-%s-4%s-%s%s-%s",
        hex:sub(1, 8),
        hex:sub(9, 12),
        hex:sub(14, 16),
        variant,
        hex:sub(18, 20),
        hex:sub(21, 32)
    )
end

--- A random (version 4) UUID. `device_id` keeps devices apart where the system has no source of randomness.
function uuid.new(device_id)
    count = count + 1
    local random = ""
    local source = io.open("/dev/urandom", "rb")
    if source then
        random = source:read(16) or ""
        source:close()
    end
    local seed = { random, tostring(device_id), os.time(), os.clock(), math.random(), count, tostring({}) }
    for index, part in ipairs(seed) do
        seed[index] = tostring(part)
    end
    return from_hex(sha2.md5(table.concat(seed, "|")))
end

return uuid
