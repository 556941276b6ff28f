--- What the server has not confirmed yet, kept in a file. Only the server's word about an item takes it out.
--
-- One JSON object a line, so that a damaged line costs itself and not its neighbours. The file is written whole with
-- every change; `storage` sees to it that a crash leaves either the old one or the new one.
--
-- A draft is the session that is still going on. It is never sent, but it becomes a session when the file is opened
-- again: then whatever ran it has ended without telling. The same holds where something else takes its place.

local Outbox = {}
Outbox.__index = Outbox

-- Weeks of reading. What is dropped beyond it is counted, so that it can be said.
local MOST_SESSIONS = 200
local MOST_POSITIONS = 200
local MOST_REFUSED = 50

local function is_item(kind, item)
    if type(item) ~= "table" or type(item.file) ~= "table" then
        return false
    end
    if kind == "position" then
        return type(item.percentage) == "number"
    end
    return type(item.session_uuid) == "string"
end

--- Answers how many of the oldest had to go.
local function keep_last(list, most)
    local count = math.max(0, #list - most)
    for _ = 1, count do
        table.remove(list, 1)
    end
    return count
end

local function same_file(one, other)
    return one.filename == other.filename and one.ko_md5 == other.ko_md5
end

--- What an item is for, by which the same one in two outboxes is known.
local function name_of(item)
    if item.session_uuid then
        return item.session_uuid
    end
    return table.concat({ tostring(item.file.filename), tostring(item.file.ko_md5), tostring(item.read_at) }, "/")
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
        dropped = 0,
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
        if kind == "refused" and type(entry.item) == "table" and type(entry.item.file) == "table" then
            entry.reason = type(entry.reason) == "string" and entry.reason or ""
            table.insert(self.refused, entry)
        elseif kind == "dropped" and type(entry.count) == "number" then
            self.dropped = self.dropped + entry.count
        elseif kind == "position" and is_item(kind, entry.item) then
            table.insert(self.positions, entry)
        elseif (kind == "session" or kind == "draft") and is_item(kind, entry.item) then
            entry.kind = "session"
            table.insert(self.sessions, entry)
        else
            is_damaged = true
        end
    end
    self.dropped = self.dropped + keep_last(self.sessions, MOST_SESSIONS)
    if is_damaged then
        self.storage.keep_aside(text)
        self:_save()
    end
end

function Outbox:_save()
    local lines = {}
    local dropped = self.dropped > 0 and { { kind = "dropped", count = self.dropped } } or {}
    for _, list in ipairs({ self.positions, self.sessions, { self.draft }, self.refused, dropped }) do
        for _, entry in ipairs(list) do
            self.lines[entry] = self.lines[entry] or self.codec.encode(entry)
            table.insert(lines, self.lines[entry])
        end
    end
    table.insert(lines, "")
    local did_write, message = self.storage.write(table.concat(lines, "\n"))
    -- For whoever asks why; what could not be written is still sent.
    self.trouble = not did_write and tostring(message) or nil
    return did_write, message
end

function Outbox:_put_position(position)
    for index = #self.positions, 1, -1 do
        if same_file(self.positions[index].item.file, position.file) then
            table.remove(self.positions, index)
        end
    end
    table.insert(self.positions, { kind = "position", item = position })
    keep_last(self.positions, MOST_POSITIONS)
end

function Outbox:_put_session(session)
    local entry = { kind = "session", item = session }
    for index, known in ipairs(self.sessions) do
        if known.item.session_uuid == session.session_uuid then
            self.sessions[index] = entry
            return
        end
    end
    table.insert(self.sessions, entry)
    self.dropped = self.dropped + keep_last(self.sessions, MOST_SESSIONS)
end

--- Put on disk what came about together: `what.session`, `what.position`, `what.draft`, each may be missing.
--
-- A session replaces the one and the draft with its uuid, a position any earlier one of its file. What cannot be
-- written is still held in memory; then the answer is nil and a message.
function Outbox:record(what)
    if what.position then
        self:_put_position(what.position)
    end
    local former = self:present_draft()
    if former and (what.session or what.draft) then
        if not what.draft or what.draft.session_uuid ~= former.session_uuid then
            -- Its session may never have been told: after the clock was set back, it can seem too short.
            self:_put_session(former)
        end
        self.draft = nil
    end
    if what.session then
        self:_put_session(what.session)
    end
    if what.draft then
        self.draft = { kind = "draft", item = what.draft }
    end
    return self:_save()
end

--- The session that is still going on, as it was last kept, or nil.
function Outbox:present_draft()
    return self.draft and self.draft.item
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

--- Whether nothing waits to be sent.
function Outbox:is_empty()
    return #self.positions + #self.sessions == 0
end

--- The place of a file that waits here follows that revision of the server's.
function Outbox:rebase(file, revision)
    for _, entry in ipairs(self.positions) do
        if same_file(entry.item.file, file) and entry.item.base_revision ~= revision then
            entry.item.base_revision = revision
            self.lines[entry] = nil
            self:_save()
        end
    end
end

--- How many sessions and places wait for the server, how many items it has refused, and how many were dropped.
function Outbox:counts()
    return { sessions = #self.sessions, positions = #self.positions, refused = #self.refused, dropped = self.dropped }
end

--- When the place of a file that waits here was read, as it is told to the server, or nil.
function Outbox:read_at(file)
    for _, entry in ipairs(self.positions) do
        if same_file(entry.item.file, file) then
            return type(entry.item.read_at) == "string" and entry.item.read_at or nil
        end
    end
    return nil
end

function Outbox:_adopt_position(position)
    local here, there = self:read_at(position.file), position.read_at
    if not here or (type(there) == "string" and here < there) then
        self:_put_position(position)
    end
end

function Outbox:_adopt_draft(draft)
    if self.draft then
        self:_put_session(draft.item)
    else
        self.draft = draft
    end
end

--- Take over what is in another one, which is empty then. What both hold is here once.
--
-- What cannot be written stays there as well; then the answer is nil and a message.
function Outbox:adopt(other)
    local known = {}
    for _, list in ipairs({ self.sessions, self.refused, { self.draft } }) do
        for _, entry in ipairs(list) do
            known[name_of(entry.item)] = true
        end
    end
    for _, name in ipairs({ "sessions", "refused" }) do
        for _, entry in ipairs(other[name]) do
            if not known[name_of(entry.item)] then
                table.insert(self[name], entry)
            end
        end
    end
    self.dropped = self.dropped + other.dropped + keep_last(self.sessions, MOST_SESSIONS)
    keep_last(self.refused, MOST_REFUSED)
    for _, entry in ipairs(other.positions) do
        self:_adopt_position(entry.item)
    end
    if other.draft and not known[name_of(other.draft.item)] then
        self:_adopt_draft(other.draft)
    end
    -- First here and then not there: a crash between the two leaves both, which is harmless.
    local did_save, message = self:_save()
    if did_save then
        other.sessions, other.positions, other.refused, other.draft, other.dropped = {}, {}, {}, nil, 0
        other:_save()
    end
    return did_save, message
end

--- The reader has seen what was refused and dropped.
function Outbox:forget_refused()
    self.refused, self.dropped = {}, 0
    return self:_save()
end

return Outbox
