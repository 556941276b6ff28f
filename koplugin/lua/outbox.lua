--- What the server has not confirmed yet, kept in a file. Only the server's word about an item takes it out.
--
-- One JSON object a line, so that a damaged line costs itself and not its neighbours. The file is written whole with
-- every change; `storage` sees to it that a crash leaves either the old one or the new one.
--
-- A draft is the session that is still going on. It is never sent, but it becomes a session when the file is opened
-- again: then whatever ran it has ended without telling.

local Outbox = {}
Outbox.__index = Outbox

-- About five years at one session a day, or half a year at ten; the file then has some 700 KB.
local MOST_SESSIONS = 2000
local MOST_POSITIONS = 300
local MOST_REFUSED = 100

local function is_item(kind, item)
    if type(item) ~= "table" or type(item.file) ~= "table" then
        return false
    end
    if kind == "position" then
        return type(item.percentage) == "number"
    end
    return type(item.session_uuid) == "string"
end

local function keep_last(list, most)
    while #list > most do
        table.remove(list, 1)
    end
end

local function same_file(one, other)
    return one.filename == other.filename and one.ko_md5 == other.ko_md5
end

--- `storage`: read() → text or nil; write(text) → true or nil, message; keep_aside(text).
-- `codec`: encode(table) → text or nil; decode(text) → table or nil.
function Outbox.open(storage, codec)
    local outbox = setmetatable({
        storage = storage,
        codec = codec,
        sessions = {},
        positions = {},
        refused = {},
        draft = nil,
        lines = setmetatable({}, { __mode = "k" }), -- each entry's JSON: after a week offline there are many
    }, Outbox)
    outbox:_load(storage.read() or "")
    return outbox
end

function Outbox:_load(text)
    local is_damaged = false
    for line in text:gmatch("[^\r\n]+") do
        local entry = self.codec.decode(line)
        local kind = type(entry) == "table" and entry.kind
        if kind == "refused" then
            table.insert(self.refused, entry)
        elseif kind == "position" and is_item(kind, entry.item) then
            table.insert(self.positions, entry)
        elseif (kind == "session" or kind == "draft") and is_item(kind, entry.item) then
            entry.kind = "session"
            table.insert(self.sessions, entry)
        else
            is_damaged = true
        end
    end
    if is_damaged then
        self.storage.keep_aside(text)
        self:_save()
    end
end

function Outbox:_save()
    local lines = {}
    for _, list in ipairs({ self.positions, self.sessions, { self.draft }, self.refused }) do
        for _, entry in ipairs(list) do
            self.lines[entry] = self.lines[entry] or self.codec.encode(entry)
            table.insert(lines, self.lines[entry])
        end
    end
    table.insert(lines, "")
    return self.storage.write(table.concat(lines, "\n"))
end

--- Put on disk what came about together: `what.session`, `what.position`, `what.draft`, each may be missing.
--
-- A session replaces the draft with its uuid, a position any earlier one of its file. What cannot be written is still
-- held in memory; then the answer is nil and a message.
function Outbox:record(what)
    if what.position then
        for index = #self.positions, 1, -1 do
            if same_file(self.positions[index].item.file, what.position.file) then
                table.remove(self.positions, index)
            end
        end
        table.insert(self.positions, { kind = "position", item = what.position })
        keep_last(self.positions, MOST_POSITIONS)
    end
    if what.session then
        table.insert(self.sessions, { kind = "session", item = what.session })
        keep_last(self.sessions, MOST_SESSIONS)
    end
    self.draft = what.draft and { kind = "draft", item = what.draft } or nil
    return self:_save()
end

--- Up to `most` entries to send in one request: { positions = {…}, sessions = {…} }, the oldest first.
--
-- `is_tried` holds entries that are not to be sent again now. One that the server could not read comes alone, after
-- all the others, so that it holds up nothing.
function Outbox:batch(most, is_tried)
    local batch = { positions = {}, sessions = {} }
    local troubled
    for _, name in ipairs({ "positions", "sessions" }) do
        for _, entry in ipairs(self[name]) do
            if most > 0 and not is_tried[entry] then
                if entry.is_troubled then
                    troubled = troubled or { [name] = { entry } }
                else
                    table.insert(batch[name], entry)
                    most = most - 1
                end
            end
        end
    end
    if #batch.positions + #batch.sessions == 0 and troubled then
        return { positions = troubled.positions or {}, sessions = troubled.sessions or {} }
    end
    return batch
end

--- Take out what the server has spoken about. `fates` maps an entry to "sent" or { refused = reason }.
function Outbox:settle(fates)
    for _, name in ipairs({ "positions", "sessions" }) do
        local remaining = {}
        for _, entry in ipairs(self[name]) do
            local fate = fates[entry]
            if type(fate) == "table" then
                table.insert(self.refused, { kind = "refused", item = entry.item, reason = fate.refused })
                keep_last(self.refused, MOST_REFUSED)
            elseif fate ~= "sent" then
                table.insert(remaining, entry)
            end
        end
        self[name] = remaining
    end
    return self:_save()
end

--- The server could not read the request that held this entry alone.
function Outbox:mark_troubled(entry)
    entry.is_troubled = true
    self.lines[entry] = nil
    return self:_save()
end

--- How many items wait for the server, and how many it has refused.
function Outbox:counts()
    return #self.positions + #self.sessions, #self.refused
end

return Outbox
