--- What is said to the server and what its answers mean: which book a file is, where its reader is, what was read.
--
-- All but `flush_now` runs inside a flow. Words are those of `connection`.

local Connection = require("tomesync/connection")
local flow = require("tomesync/flow")
local times = require("tomesync/times")

local Sync = {}
Sync.__index = Sync

-- Which book a file is may have been said anew on the server since it was asked.
local TRUSTED_SECONDS = 24 * 3600
local RECENT_SECONDS = 3600
-- What the server takes in one request, of sessions and of places each; a whole outbox has less.
local LARGEST_BATCH = 400
-- Enough to find among that many the one that the server cannot read; a bound, whatever it answers.
local MOST_REQUESTS = 30

--- `given`: connection, outbox, books, clock() → seconds, device() → what the server is told of this device,
-- is_identified() → whether it is known which server this is, and on_server(server_id), which is called when the server
-- has said so; it may replace `outbox` and `books`.
function Sync.new(given)
    return setmetatable({
        connection = given.connection,
        outbox = given.outbox,
        books = given.books,
        clock = given.clock,
        device = given.device,
        is_identified = given.is_identified,
        on_server = given.on_server,
        last_sync_at = nil,
        newest_plugin = nil,
    }, Sync)
end

--- Note what any answer of the server tells about itself.
function Sync:_note_server(answer)
    self.newest_plugin = answer.plugin_version or self.newest_plugin
    if type(answer.server_id) == "string" then
        self.on_server(answer.server_id)
    end
end

--- A time of the server's by this device's clock, in seconds; nil if it is not one.
function Sync:local_seconds(iso)
    local seconds = times.seconds(iso)
    return seconds and seconds - (self.connection.clock_offset or 0)
end

--- Ask who the server is, which proves the key as well. Answers the word and the answer.
function Sync:identify(is_asked)
    local word, answer = self.connection:ask("GET", "/tome-sync/me", { is_asked = is_asked })
    -- Tome knows who it is, so "unknown" is somebody else's 404.
    if word == "unknown" or (word == "ok" and type(answer.server_id) ~= "string") then
        word, answer = self.connection:note_stranger(word == "unknown" and 404 or 200)
    end
    if word == "ok" then
        self:_note_server(answer)
    end
    return word, answer
end

-- Which book a file is

--- Tell the server what the reader has chosen for a file; until it has heard, the choice waits.
function Sync:send_choice(file, is_asked)
    local entry = self.books:find(file)
    local choice = entry and entry.choice
    if not choice then
        return "ok"
    end
    local word = self.connection:ask("PUT", "/tome-sync/link", {
        is_asked = is_asked,
        body = {
            filename = file.filename,
            ko_md5 = file.ko_md5,
            size = file.size,
            book_id = choice.book_id,
            none = choice.none,
        },
    })
    if word == "ok" then
        self.books:set_choice(file, nil, self.clock())
        if choice.none then
            self.books:set_none(file, true, self.clock())
        end
    elseif word == "unknown" or word == "bad" then
        -- The book is gone meanwhile: what the reader said cannot hold any more.
        self.books:set_choice(file, nil, self.clock())
        self.books:unmatch(file, nil, self.clock())
    end
    return word
end

--- Tell the server all choices that wait, whichever book is open.
function Sync:send_choices(is_asked)
    for _, file in ipairs(self.books:chosen_files()) do
        local word = self:send_choice(file, is_asked)
        if not Connection.was_heard(word) then
            return word
        end
    end
    return "ok"
end

--- How long ago it was asked which book that is, in seconds; a clock that was set back counts as much.
function Sync:_age_of(entry)
    return math.abs(self.clock() - (entry.checked_at or 0))
end

--- Find out which book a file is, unless that is known. Answers "ok" if it is known then, "unknown" if it is none.
function Sync:resolve(file, is_asked)
    local word = self:send_choice(file, is_asked)
    if word ~= "ok" then
        return word
    end
    local entry = self.books:find(file)
    if entry and entry.book_id and self:_age_of(entry) < TRUSTED_SECONDS then
        return "ok"
    elseif entry and entry.is_none then
        return "unknown"
    end
    local answer
    word, answer = self.connection:ask("GET", "/tome-sync/resolve", { is_asked = is_asked, arguments = file })
    if word == "ok" and type(answer.book_id) ~= "number" then
        return (self.connection:note_stranger())
    end
    if word == "ok" then
        self.books:match(file, answer, self.clock())
    elseif word == "unknown" then
        local candidates = type(answer.candidates) == "table" and answer.candidates or {}
        self.books:unmatch(file, candidates, self.clock())
    end
    return word
end

-- Where its reader is

--- The server's place in a book: "ok" and the answer, or the word that says why not. `locator`: "xpointer" or "page".
--
-- "unknown" means that there is no place, or no such book any more.
function Sync:pull(file, locator, is_asked)
    local entry = self.books:find(file)
    local path = string.format("/tome-sync/position/%d", entry.book_id)
    local word, answer = self.connection:ask("GET", path, {
        is_asked = is_asked,
        arguments = { ko_md5 = file.ko_md5, device_id = self.device().id, locator = locator },
    })
    if word == "ok" and (type(answer.percentage) ~= "number" or type(answer.revision) ~= "number") then
        return self.connection:note_stranger()
    end
    return word, answer
end

--- The same; but where there was a place and is none, the book may be gone, and its file be another one there.
function Sync:_pull_anew(wish)
    local word, place = self:pull(wish.file, wish.locator, wish.is_asked)
    local known = self.books:find(wish.file)
    local is_odd = self.books:known_place(wish.file) or self.books:told(wish.file)
    if word == "unknown" and is_odd then
        self.books:forget_revision(wish.file, self.clock())
    end
    if word ~= "unknown" or not is_odd or self:_age_of(known) < RECENT_SECONDS then
        return word, place
    end
    local former = known.book_id
    self.books:unmatch(wish.file, nil, self.clock())
    word = self:resolve(wish.file, wish.is_asked)
    if word == "ok" and self.books:find(wish.file).book_id ~= former then
        return self:pull(wish.file, wish.locator, wish.is_asked)
    end
    return word == "ok" and "unknown" or word, {}
end

-- What was read

local function items_of(entries, books)
    local items = {}
    for _, entry in ipairs(entries) do
        local item = {}
        for key, value in pairs(entry.item) do
            item[key] = value
        end
        local known = books:find(item.file)
        item.book_id = known and known.book_id or nil
        table.insert(items, item)
    end
    -- An empty table would travel as an object.
    return #items > 0 and items or nil
end

function Sync:_body(batch)
    local now = self.clock()
    batch.bases = {}
    for index, entry in ipairs(batch.positions) do
        batch.bases[index] = entry.item.base_revision
    end
    return {
        device = self.device(),
        sent_at = times.iso(now),
        timezone = times.offset(now),
        positions = items_of(batch.positions, self.books),
        sessions = items_of(batch.sessions, self.books),
    }
end

local function fate_of(verdict)
    local word = type(verdict) == "table" and verdict.verdict
    if word == "stored" or word == "duplicate" or word == "ignored" or word == "stale" then
        return "sent"
    elseif word == "refused" then
        return { refused = type(verdict.reason) == "string" and verdict.reason or "" }
    end
    return nil
end

--- The server has put what was sent to another book than this device thinks: so which book it is, is asked again.
function Sync:_check_match(file, verdict)
    local known = self.books:find(file)
    if known and known.book_id and verdict.verdict ~= "ignored" and verdict.book_id ~= known.book_id then
        self.books:unmatch(file, nil, self.clock())
    end
end

--- The server has kept another place than this one. If that one was read later, so be it. If this one was, it was
--- refused because the device knew nothing of the other: further on in the book it is told once more, knowing it now;
--- further back the reader is asked when the book is opened, since a page turned by accident must lead nobody back.
local function is_to_be_told_again(self, item, told_base, current)
    if item.base_revision ~= told_base then
        return true -- the reader has decided while it was on its way
    end
    local mine = times.seconds(item.read_at)
    local theirs = type(current) == "table" and self:local_seconds(current.read_at)
    if not mine or not theirs or mine <= theirs or type(current.revision) ~= "number" then
        return false
    end
    if item.percentage > (tonumber(current.percentage) or 1) and item.base_revision ~= current.revision then
        self.outbox:rebase(item.file, current.revision)
        return true
    end
    self.books:set_undecided(item.file, self.clock())
    return false
end

--- What the server said about the entries of a batch; those that it did not speak about are left out.
function Sync:_fates(batch, answer)
    local fates = {}
    -- Sessions have a name, positions only their order.
    local by_uuid = {}
    for _, verdict in ipairs(type(answer.sessions) == "table" and answer.sessions or {}) do
        if type(verdict) == "table" and verdict.session_uuid ~= nil then
            by_uuid[verdict.session_uuid] = verdict
        end
    end
    for _, entry in ipairs(batch.sessions) do
        local verdict = by_uuid[entry.item.session_uuid]
        fates[entry] = fate_of(verdict)
        if fates[entry] == "sent" then
            self:_check_match(entry.item.file, verdict)
        end
    end
    local verdicts = type(answer.positions) == "table" and answer.positions or {}
    if #verdicts == #batch.positions then
        for index, entry in ipairs(batch.positions) do
            local verdict = verdicts[index]
            fates[entry] = fate_of(verdict)
            if fates[entry] == "sent" then
                self:_check_match(entry.item.file, verdict)
            end
            if fates[entry] and verdict.verdict == "stored" then
                self.books:remember_revision(entry.item.file, verdict.revision, self.clock())
            elseif fates[entry] and verdict.verdict == "stale" then
                if is_to_be_told_again(self, entry.item, batch.bases[index], verdict.current) then
                    fates[entry] = "again"
                end
            end
        end
    end
    return fates
end

local function size_of(batch)
    return #batch.positions + #batch.sessions
end

--- Take the answer to a batch. The word is "stranger" if it says nothing about what was sent: any web server can answer
--- 200 with some JSON, only verdicts show that it was Tome.
function Sync:_take(batch, word, answer)
    if word ~= "ok" then
        return word
    end
    local fates = self:_fates(batch, answer)
    if not next(fates) then
        return (self.connection:note_stranger())
    end
    -- Only "sent" and what was refused leave the outbox.
    self.outbox:settle(fates)
    self.last_sync_at = self.clock()
    self:_note_server(answer)
    return "ok", fates
end

--- Send what waits. Answers "ok", "nothing" (there was nothing to send), or the word that says why not.
function Sync:flush(is_asked)
    local most, is_tried, did_send = LARGEST_BATCH, {}, false
    for _ = 1, MOST_REQUESTS do
        local batch = self.outbox:batch(most, is_tried)
        local count = size_of(batch)
        if count == 0 then
            break
        end
        local word, fates = self:_take(
            batch,
            self.connection:ask("POST", "/tome-sync/sync", { is_asked = is_asked, body = self:_body(batch) })
        )
        if word ~= "ok" and word ~= "bad" and word ~= "unknown" then
            return word
        end
        did_send = true
        if word ~= "ok" and count > 1 then
            -- It cannot read the whole: look for what it is.
            most = math.max(1, math.floor(count / 2))
        elseif word ~= "ok" then
            local entry = batch.positions[1] or batch.sessions[1]
            if entry.is_troubled then
                break
            end
            self.outbox:mark_troubled(entry)
            most = LARGEST_BATCH
        end
        if word == "ok" or count == 1 then
            for _, entries in ipairs({ batch.positions, batch.sessions }) do
                for _, entry in ipairs(entries) do
                    is_tried[entry] = not (fates and fates[entry] == "again")
                end
            end
        end
    end
    return did_send and "ok" or "nothing"
end

--- The same while the screen waits: one request, and what does not go in it waits for the next occasion.
function Sync:flush_now()
    local batch = self.outbox:batch(LARGEST_BATCH, {})
    if size_of(batch) == 0 then
        return "nothing"
    end
    return self:_take(batch, self.connection:ask_now("POST", "/tome-sync/sync", { body = self:_body(batch) }))
end

--- Everything that there is to say and to ask, in the order in which it must be: the server's place first, since a
--- place that is sent may replace it. Answers the last word.
--
-- `wish`: is_asked; and, where a place is wanted, file, path, locator, is_wanted() → whether it still is, and
-- on_place(place) or on_none(), if there is no place or no such book.
function Sync:catch_up(wish)
    local obstacle = self.connection:obstacle(wish.is_asked)
    if obstacle then
        return obstacle
    end
    if not self.is_identified() then
        local word = self:identify(wish.is_asked)
        if word ~= "ok" then
            return word
        end
    end
    local word = self:send_choices(wish.is_asked)
    if word ~= "ok" then
        return word
    end
    if wish.file then
        word = self:resolve(wish.file, wish.is_asked)
        if word == "ok" then
            self.books:remember_path(self.books:find(wish.file).book_id, wish.path)
        end
        if word == "ok" and wish.is_wanted() then
            local place
            word, place = self:_pull_anew(wish)
            if word == "ok" then
                flow.outside(function()
                    if wish.is_wanted() then
                        wish.on_place(place)
                    end
                end)
            end
        end
        if word == "unknown" then
            wish.on_none()
        elseif word ~= "ok" then
            return word
        end
    end
    local sent = self:flush(wish.is_asked)
    return sent == "nothing" and word or sent
end

return Sync
