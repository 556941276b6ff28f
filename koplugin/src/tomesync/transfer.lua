--- Fetches one file: a process of its own gathers it under a temporary name and checks it, this one watches over that.
--
-- What was gathered before is kept and gone on with. Only a file that is whole and is the one that was promised is
-- answered as "whole"; to give it its name is left to the caller.

local UIManager = require("ui/uimanager")
local ffiUtil = require("ffi/util")
local sha2 = require("ffi/sha2")
local time = require("ui/time")
local util = require("util")

local background = require("tomesync/background")
local flow = require("tomesync/flow")
local folders = require("tomesync/folders")
local guard = require("tomesync/guard")
local transport = require("tomesync/transport")

local transfer = {}

local MOST_ATTEMPTS = 2
-- For the server's next bytes, and until nothing at all has happened for too long: a process may hang where no time-out
-- of LuaSocket's holds.
local BLOCK_SECONDS = 25
local STALLED_SECONDS = 30
local LOOK_SECONDS = 1
-- Once all bytes are there their sum is worked out, which is slow on old devices, and nothing grows meanwhile.
local SLOWEST_SUM_BYTES = 200000
local LONGEST_RETRY_AFTER_SECONDS = 10
local RETRY_SECONDS = 1
local PIECE_BYTES = 65536
local MOST_TEXT_BYTES = 8192

-- In the process that fetches

-- LuaSocket tells the status at the end only, and after a break not at all. So what comes is written as if it were the
-- book, and looked at afterwards; and where there is something to lose, the server is asked before.

-- Stands where the transport wants a file. It takes no more than there should be.
local Receiver = {}
Receiver.__index = Receiver

function Receiver:write(chunk)
    self.left = self.left - #chunk
    if self.left < 0 then
        self.is_too_much = true
        return nil, "too much"
    end
    local did_write, message = self.handle:write(chunk)
    self.trouble = not did_write and message or nil
    return did_write and 1 or nil, message
end

function Receiver:close()
    if self.handle then
        local did_close, message = self.handle:close()
        self.handle = nil
        self.trouble = self.trouble or (not did_close and message or nil)
    end
    return 1
end

-- The same for what is only looked at.
local Collector = {}
Collector.__index = Collector

function Collector:write(chunk)
    self.text = self.text .. chunk
    self.is_too_much = #self.text > MOST_TEXT_BYTES
    return not self.is_too_much and 1 or nil, "too much"
end

function Collector:close()
    return self.text ~= nil and 1
end

local function answered(word, ...)
    return table.concat({ word, ... }, "\n")
end

local function told_by(status, headers, text)
    return answered("status", status, headers["retry-after"] or "", text)
end

local function ask_for(request, file, first, last)
    request.headers["Range"] = first and string.format("bytes=%d-%s", first, last or "") or nil
    request.headers["If-Range"] = first and '"' .. file.sha256 .. '"' or nil
end

--- Whether the server would go on where the file ends so far. Answers nil if it would, "again" if it has to be fetched
--- from its first byte, or what the task is to answer.
local function ask_to_go_on(request, file, offset)
    local collector = setmetatable({ text = "" }, Collector)
    ask_for(request, file, offset, offset)
    request.file = collector
    local status, headers = transport.exchange(request, BLOCK_SECONDS, true)
    if status == 206 then
        local first, size = (headers["content-range"] or ""):match("^bytes (%d+)%-%d+/(%d+)$")
        local is_next = tonumber(first) == offset and tonumber(size) == file.size
        return not is_next and "again" or nil
    elseif status == 200 or status == 416 or collector.is_too_much then
        return "again"
    elseif not status then
        return answered("network", transport.reason(headers))
    end
    return told_by(status, headers, collector.text)
end

local function is_page(text)
    return text:find("^%s*<[!%a]") ~= nil
end

--- What is no part of the book goes, and is told to whoever can make something of it.
local function taken_back(path, offset, status, headers)
    local text = ""
    local handle = io.open(path, "rb")
    if handle then
        handle:seek("set", offset)
        text = handle:read(MOST_TEXT_BYTES) or ""
        handle:close()
    end
    os.remove(path)
    if status < 300 and not is_page(text) then
        return answered("changed")
    end
    return told_by(status, headers, text)
end

--- Gather what is missing. Answers nil when it is all there, or what the task is to answer.
local function receive(request, path, file, offset)
    local handle, message = io.open(path, offset > 0 and "ab" or "wb")
    if not handle then
        return answered("storage", message)
    end
    local receiver = setmetatable({ handle = handle, left = file.size - offset }, Receiver)
    ask_for(request, file, offset > 0 and offset or nil)
    request.file = receiver
    local status, headers = transport.exchange(request, BLOCK_SECONDS, true)
    receiver:close()
    if receiver.is_too_much then
        return taken_back(path, offset, 200, {})
    elseif receiver.trouble then
        return answered("storage", receiver.trouble)
    elseif not status then
        return answered("network", transport.reason(headers))
    elseif status ~= (offset > 0 and 206 or 200) or receiver.left > 0 then
        return taken_back(path, offset, status, headers)
    end
    return nil
end

local function sha256_of(handle)
    local sum = sha2.sha256()
    local piece = handle:read(PIECE_BYTES)
    while piece do
        sum(piece)
        piece = handle:read(PIECE_BYTES)
    end
    return sum()
end

local function has_right_sum(handle, path, file)
    if file.sha256 then
        return sha256_of(handle) == file.sha256
    end
    return file.ko_md5 == nil or util.partialMD5(path) == file.ko_md5
end

local function check(path, file)
    -- Nothing is written, but not everything syncs what is open for reading only.
    local handle, message = io.open(path, "r+b")
    if not handle then
        return answered("storage", message)
    end
    local is_right = has_right_sum(handle, path, file)
    if is_right then
        ffiUtil.fsyncOpenedFile(handle)
    end
    handle:close()
    if not is_right then
        os.remove(path)
        return answered("damaged")
    end
    return answered("whole")
end

--- How much of the file is there and can be gone on with.
local function gathered_of(path, file)
    local size = folders.size_of(path) or 0
    -- Without its sum nobody can tell whether the server still has the same file.
    if size > file.size or size > 0 and not file.sha256 then
        os.remove(path)
        return 0
    end
    return size
end

--- `request` as `client:request` makes it. Answers a word and what belongs to it, a line each.
local function fetch(request, path, file)
    local offset = gathered_of(path, file)
    local trouble
    if offset > 0 and offset < file.size then
        trouble = ask_to_go_on(request, file, offset)
        if trouble == "again" then
            os.remove(path)
            offset, trouble = 0, nil
        end
    end
    if not trouble and offset < file.size then
        trouble = receive(request, path, file, offset)
    end
    return trouble or check(path, file)
end

-- In KOReader's own process

local Watch = {}
Watch.__index = Watch

--- End the process when nothing more comes, however long the whole takes.
function Watch:_look()
    local size = folders.size_of(self.path) or 0
    if size ~= self.size then
        self.size, self.did_grow, self.changed_at = size, true, time.now()
    end
    local seconds = STALLED_SECONDS
    if size >= self.file_size then
        seconds = seconds + size / SLOWEST_SUM_BYTES
    end
    if time.to_number(time.now() - self.changed_at) >= seconds then
        self.job:cancel()
        self.on_end(nil, "stalled")
    else
        UIManager:scheduleIn(LOOK_SECONDS, self.look)
    end
end

--- Answers what the task answered or nil and why not, and whether any of the file arrived.
local function run_watched(task, path, file)
    local watch = setmetatable({
        path = path,
        file_size = file.size,
        size = folders.size_of(path) or 0,
        did_grow = false,
        changed_at = time.now(),
    }, Watch)
    local first_size = watch.size
    local packed, why = flow.await(function(go_on)
        watch.look = guard(function()
            watch:_look()
        end)
        watch.on_end = function(...)
            UIManager:unschedule(watch.look)
            go_on(...)
        end
        watch.job = background.start(task, math.huge, watch.on_end)
        UIManager:scheduleIn(LOOK_SECONDS, watch.look)
        return function()
            UIManager:unschedule(watch.look)
            watch.job:cancel()
        end
    end)
    return packed, why, watch.did_grow or (folders.size_of(path) or 0) > first_size
end

local function read_status(client, rest)
    local status, retry_after, text = rest:match("^(%d+)\n([^\n]*)\n(.*)$")
    status = tonumber(status)
    if status == 503 then
        return "busy", { seconds = tonumber(retry_after) }
    end
    local word, answer = client:read(status, text)
    -- A success that brings no book is none.
    return word == "ok" and "stranger" or word, answer
end

local function attempt(client, volume, path)
    local route = string.format("/tome-sync/download/%d/%d", volume.book_id, volume.file.id)
    local request = client:request("GET", route)
    local had = folders.size_of(path) or 0
    local packed, why, did_arrive = run_watched(function(is_alone)
        -- Without a process of its own it would hold up the screen for as long as a book takes.
        return is_alone and fetch(request, path, volume.file) or answered("failed")
    end, path, volume.file)
    local word, rest = (packed or ""):match("^(%l+)\n?(.*)$")
    local answer = {}
    if not packed then
        word, answer = why == "stalled" and "network" or "failed", { reason = "timeout", is_stalled = why == "stalled" }
    elseif word == "status" then
        word, answer = read_status(client, rest)
    elseif word == "network" then
        answer = { reason = rest }
    elseif word == "storage" then
        answer = { message = rest }
    end
    answer.did_arrive = did_arrive
    answer.went_on = had > 0
    return word or "failed", answer
end

--- How long to wait before trying once more; nil if that is of no use.
local function seconds_to_retry(word, answer)
    if word == "busy" and answer.seconds and answer.seconds <= LONGEST_RETRY_AFTER_SECONDS then
        return answer.seconds
    elseif word == "network" and answer.did_arrive and not answer.is_stalled then
        return RETRY_SECONDS
    elseif word == "damaged" and answer.went_on then
        -- The part from before may have suffered when the power went.
        return 0
    end
    return nil
end

--- Fetch a volume's file into `path`, from within a flow. Answers "whole", or what went wrong and a table: a word of
--- `client`'s, "busy", "damaged", "changed" (the server has another file now), "storage" or "failed". `did_arrive` in
--- the table says whether any of it came.
function transfer.fetch(client, volume, path)
    local did_arrive = false
    for number = 1, MOST_ATTEMPTS do
        local word, answer = attempt(client, volume, path)
        did_arrive = did_arrive or answer.did_arrive
        answer.did_arrive = did_arrive
        local seconds = number < MOST_ATTEMPTS and seconds_to_retry(word, answer)
        if not seconds then
            return word, answer
        end
        flow.sleep(seconds)
    end
end

return transfer
