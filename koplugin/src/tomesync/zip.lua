--- Reads the ZIP in which an update comes: two files, stored as they are. Anything else is refused, with a reason.
--
-- The reasons are for the log, and so in English.

local band, bnot, bxor, rshift = bit.band, bit.bnot, bit.bxor, bit.rshift

local zip = {}

local END_SIGNATURE, END_SIZE = "PK\5\6", 22
local ENTRY_SIGNATURE, ENTRY_SIZE = "PK\1\2", 46
local FILE_SIGNATURE, FILE_SIZE = "PK\3\4", 30
local LONGEST_COMMENT = 65535
local MOST_ENTRIES = 2
local STORED = 0
-- What these stand for does not fit here: it is in the records of ZIP64.
local ELSEWHERE_16, ELSEWHERE_32 = 0xFFFF, 0xFFFFFFFF

local REMAINDERS = {}
for byte = 0, 255 do
    local remainder = byte
    for _ = 1, 8 do
        remainder = band(remainder, 1) == 1 and bxor(rshift(remainder, 1), 0xEDB88320) or rshift(remainder, 1)
    end
    REMAINDERS[byte] = remainder
end

--- The CRC-32 of a text, as a number from 0 to 2^32 - 1.
local function crc32(text)
    local crc = bnot(0)
    for index = 1, #text do
        crc = bxor(REMAINDERS[band(bxor(crc, text:byte(index)), 0xFF)], rshift(crc, 8))
    end
    return bnot(crc) % 2 ^ 32
end

--- Numbers lie with their lowest byte first. Both expect an offset, counted from 0, that is inside.
local function number_16(bytes, offset)
    local low, high = bytes:byte(offset + 1, offset + 2)
    return low + high * 0x100
end

local function number_32(bytes, offset)
    return number_16(bytes, offset) + number_16(bytes, offset + 2) * 0x10000
end

local function has(bytes, signature, offset, size)
    return offset + size <= #bytes and bytes:sub(offset + 1, offset + #signature) == signature
end

--- It is at the end, but for a comment, which it says the length of.
local function end_of_directory(bytes)
    for offset = #bytes - END_SIZE, math.max(0, #bytes - END_SIZE - LONGEST_COMMENT), -1 do
        if has(bytes, END_SIGNATURE, offset, END_SIZE) then
            local comment_size = number_16(bytes, offset + 20)
            return offset + END_SIZE + comment_size == #bytes and offset or nil
        end
    end
    return nil
end

local function is_harmless(name)
    if name == "" or name:find("[%z\1-\31\\:]") or name:sub(1, 1) == "/" then
        return false
    end
    for part in (name .. "/"):gmatch("([^/]*)/") do
        if part == "" or part == "." or part == ".." then
            return false
        end
    end
    return true
end

--- What the directory says of the entry at `offset`, and the offset of the next; or nil and why not.
local function entry_at(bytes, offset, limit)
    if not has(bytes, ENTRY_SIGNATURE, offset, ENTRY_SIZE) then
        return nil, "its directory is damaged"
    end
    local name_size = number_16(bytes, offset + 28)
    local next_offset = offset + ENTRY_SIZE + name_size + number_16(bytes, offset + 30) + number_16(bytes, offset + 32)
    if next_offset > limit then
        return nil, "its directory is damaged"
    end
    local entry = {
        name = bytes:sub(offset + ENTRY_SIZE + 1, offset + ENTRY_SIZE + name_size),
        is_encrypted = band(number_16(bytes, offset + 8), 1) == 1,
        method = number_16(bytes, offset + 10),
        crc = number_32(bytes, offset + 16),
        packed_size = number_32(bytes, offset + 20),
        size = number_32(bytes, offset + 24),
        offset = number_32(bytes, offset + 42),
    }
    return entry, next_offset
end

local function content_of(bytes, entry, limit)
    if not is_harmless(entry.name) then
        return nil, "a file in it has a name that leads elsewhere"
    elseif entry.is_encrypted then
        return nil, entry.name .. " is encrypted"
    elseif entry.packed_size == ELSEWHERE_32 or entry.size == ELSEWHERE_32 or entry.offset == ELSEWHERE_32 then
        return nil, entry.name .. " is kept as in a ZIP64"
    elseif entry.method ~= STORED then
        return nil, entry.name .. " is compressed"
    elseif entry.packed_size ~= entry.size then
        return nil, "the size of " .. entry.name .. " is wrong"
    elseif not has(bytes, FILE_SIGNATURE, entry.offset, FILE_SIZE) then
        return nil, entry.name .. " is not where it should be"
    end
    local name_size = number_16(bytes, entry.offset + 26)
    local name_start = entry.offset + FILE_SIZE
    local start = name_start + name_size + number_16(bytes, entry.offset + 28)
    if start + entry.size > limit then
        return nil, entry.name .. " is cut off"
    elseif bytes:sub(name_start + 1, name_start + name_size) ~= entry.name then
        return nil, entry.name .. " has two names"
    end
    local content = bytes:sub(start + 1, start + entry.size)
    if crc32(content) ~= entry.crc then
        return nil, entry.name .. " is damaged"
    end
    return content
end

--- The contents by their names; or nil and a reason. Never raises, whatever the bytes are.
function zip.entries(bytes)
    local directory_end = end_of_directory(bytes)
    if not directory_end then
        return nil, "it is not a whole ZIP"
    end
    local disk, directory_disk = number_16(bytes, directory_end + 4), number_16(bytes, directory_end + 6)
    local count_here, count = number_16(bytes, directory_end + 8), number_16(bytes, directory_end + 10)
    local size, offset = number_32(bytes, directory_end + 12), number_32(bytes, directory_end + 16)
    if count == ELSEWHERE_16 or size == ELSEWHERE_32 or offset == ELSEWHERE_32 then
        return nil, "it is a ZIP64"
    elseif disk ~= 0 or directory_disk ~= 0 or count_here ~= count then
        return nil, "it is one of several parts"
    elseif count > MOST_ENTRIES then
        return nil, "there are too many files in it"
    elseif offset + size ~= directory_end then
        return nil, "its directory is damaged"
    end
    local directory_start, contents = offset, {}
    for _ = 1, count do
        local entry, next_offset = entry_at(bytes, offset, directory_end)
        if not entry then
            return nil, next_offset
        elseif contents[entry.name] then
            return nil, entry.name .. " is in it twice"
        end
        local content, message = content_of(bytes, entry, directory_start)
        if not content then
            return nil, message
        end
        contents[entry.name], offset = content, next_offset
    end
    if offset ~= directory_end then
        return nil, "its directory is damaged"
    end
    return contents
end

return zip
