--- What this device knows of the files that it has read or fetched: which book each is, and how far the server knows.
--
-- It belongs to one server and one reader. A file is known by its sum and size, so a renamed one is still itself; what
-- is forgotten is asked again.

local Books = {}
Books.__index = Books

local MOST_FILES = 2000
-- So many replies may be lost before this device takes its own place for another's.
local MOST_TOLD = 5

local TYPES = {
    filename = "string",
    used_at = "number",
    book_id = "number",
    title = "string",
    series = "string",
    series_index = "number",
    method = "string",
    candidates = "table",
    is_none = "boolean",
    choice = "table",
    chosen_file = "table",
    revision = "number",
    revision_read_at = "string",
    checked_at = "number",
    is_undecided = "boolean",
    last_read_at = "number",
    told = "table",
    told_before = "table",
}

local function key_of(file)
    if file.ko_md5 then
        return file.ko_md5 .. "-" .. tostring(file.size or "")
    end
    return "name-" .. tostring(file.filename)
end

local function clear_match(entry)
    entry.book_id, entry.title, entry.series, entry.series_index, entry.method = nil, nil, nil, nil, nil
    entry.candidates, entry.is_none, entry.checked_at = nil, nil, nil
    entry.revision, entry.revision_read_at = nil, nil
end

--- Take out of a table all that is of another type.
local function keep_only(values, kind)
    for key, value in pairs(values) do
        if type(value) ~= kind then
            values[key] = nil
        end
    end
end

local function table_of(values, kind)
    values = type(values) == "table" and values or {}
    keep_only(values, kind)
    return values
end

--- `stored` is the table to work on; whoever passes it saves it when `is_changed`. What is damaged in it is forgotten.
function Books.new(stored)
    stored = type(stored) == "table" and stored or {}
    stored.files = table_of(stored.files, "table")
    stored.paths = table_of(stored.paths, "string")
    for _, entry in pairs(stored.files) do
        for name, kind in pairs(TYPES) do
            if type(entry[name]) ~= kind then
                entry[name] = nil
            end
        end
        keep_only(entry.candidates or {}, "table")
    end
    return setmetatable({ stored = stored, is_changed = false }, Books)
end

--- What is known of a file { filename, ko_md5, size }, or nil.
function Books:find(file)
    return self.stored.files[key_of(file)]
end

function Books:_entry(file, now)
    local key = key_of(file)
    local entry = self.stored.files[key]
    if not entry then
        entry = {}
        self.stored.files[key] = entry
        self:_forget_oldest(key)
    end
    entry.filename = file.filename
    entry.used_at = now or entry.used_at or 0
    self.is_changed = true
    return entry
end

--- What the reader has chosen and the server has not heard yet is no more forgotten than what is needed now.
function Books:_forget_oldest(newest)
    local keys, files = {}, self.stored.files
    local count = 0
    for key, entry in pairs(files) do
        count = count + 1
        if key ~= newest and not entry.choice then
            table.insert(keys, key)
        end
    end
    if count <= MOST_FILES then
        return
    end
    table.sort(keys, function(one, other)
        return (files[one].used_at or 0) < (files[other].used_at or 0)
    end)
    for index = 1, math.min(count - MOST_FILES, #keys) do
        files[keys[index]] = nil
    end
end

--- The file is that book: { book_id, title, series, series_index, method }.
function Books:match(file, match, now)
    local entry = self:_entry(file, now)
    -- Revisions count for one book; those of another say nothing.
    if entry.book_id ~= match.book_id then
        entry.revision, entry.revision_read_at = nil, nil
    end
    entry.checked_at = now
    entry.book_id = match.book_id
    entry.title = match.title
    entry.series = match.series
    entry.series_index = match.series_index
    entry.method = match.method
    entry.candidates = nil
    entry.is_none = nil
    return entry
end

--- The same, and where the file lies.
function Books:register(file, match, path, now)
    self:match(file, match, now)
    self:remember_path(match.book_id, path)
end

--- The server knows no such book, but maybe these.
function Books:unmatch(file, candidates, now)
    local entry = self:_entry(file, now)
    clear_match(entry)
    entry.candidates = candidates
end

--- What the reader has chosen and the server has not heard yet: { book_id }, { none = true }, {} to take back what was
--- said before, or nil.
function Books:set_choice(file, choice, now)
    local entry = self:_entry(file, now)
    entry.choice = choice
    entry.chosen_file = choice and { filename = file.filename, ko_md5 = file.ko_md5, size = file.size } or nil
end

--- Whether the reader has said that it is none of the server's books.
function Books:set_none(file, is_none, now)
    local entry = self:_entry(file, now)
    entry.is_none = is_none or nil
end

--- The files about which the reader has made a choice that the server has not heard.
function Books:chosen_files()
    local files = {}
    for _, entry in pairs(self.stored.files) do
        if entry.choice and entry.chosen_file then
            table.insert(files, entry.chosen_file)
        end
    end
    return files
end

--- The place of the server's that this device has last seen: { revision, read_at as the server tells it }; or nil.
function Books:known_place(file)
    local entry = self:find(file)
    return entry and entry.revision and { revision = entry.revision, read_at = entry.revision_read_at } or nil
end

--- Its revision, or nil.
function Books:revision(file)
    local known = self:known_place(file)
    return known and known.revision
end

--- The server's place has been seen, or made. Whatever was undecided about it is over.
function Books:remember_revision(file, revision, now, read_at)
    local known = self:find(file)
    local is_same = known and known.revision == revision and known.revision_read_at == read_at
    if type(revision) == "number" and not (is_same and not known.is_undecided) then
        local entry = self:_entry(file, now)
        entry.revision, entry.revision_read_at, entry.is_undecided = revision, read_at, nil
    end
end

--- The server has no place of this file's book any more: what was seen of one says nothing of the next.
function Books:forget_revision(file, now)
    local entry = self:_entry(file, now)
    entry.revision, entry.revision_read_at = nil, nil
end

--- The server has refused what was told last, for a place of which this device knew nothing.
function Books:set_undecided(file, now)
    self:_entry(file, now).is_undecided = true
end

function Books:is_undecided(file)
    local entry = self:find(file)
    return entry ~= nil and entry.is_undecided == true
end

--- When a page was last turned in it on this device, in seconds, or nil.
function Books:last_read_at(file)
    local entry = self:find(file)
    return entry and entry.last_read_at or nil
end

function Books:remember_reading(file, turned_at, place)
    local entry = self:_entry(file, turned_at)
    entry.last_read_at = turned_at
    if entry.told then
        entry.told_before = entry.told_before or {}
        table.insert(entry.told_before, 1, entry.told)
        entry.told_before[MOST_TOLD] = nil
    end
    entry.told = place
end

--- The places that were told before that one, the latest first.
function Books:told_before(file)
    local entry = self:find(file)
    return entry and entry.told_before or {}
end

--- The book was moved there, to the server's place.
function Books:remember_told(file, place)
    self:_entry(file).told = { fraction = place.fraction, progress = place.progress }
end

--- The place { fraction, progress } that was last put into the outbox, or gone to, or nil.
function Books:told(file)
    local entry = self:find(file)
    return entry and entry.told or nil
end

--- The file of that book lies there: it was put there, or was moved and opened.
function Books:remember_path(book_id, path)
    if self.stored.paths[tostring(book_id)] ~= path then
        self.stored.paths[tostring(book_id)] = path
        self.is_changed = true
    end
end

--- Where the file of a book was put, or nil. Whether it is still there is another question.
function Books:path_of(book_id)
    return self.stored.paths[tostring(book_id)]
end

--- Forget which book each file is; where files lie and when they were read stays. Answers how many were forgotten.
function Books:forget_matches()
    local count = 0
    for _, entry in pairs(self.stored.files) do
        if entry.book_id or entry.candidates or entry.is_none then
            count = count + 1
        end
        clear_match(entry)
    end
    self.is_changed = true
    return count
end

--- Take over what another one knows, where this one knows nothing, and of each file when it was last read.
function Books:adopt(other)
    for key, entry in pairs(other.stored.files) do
        local here = self.stored.files[key]
        if not here then
            self.stored.files[key] = entry
        elseif entry.last_read_at and entry.last_read_at > (here.last_read_at or 0) then
            here.last_read_at, here.told = entry.last_read_at, entry.told
        end
    end
    for book_id, path in pairs(other.stored.paths) do
        self.stored.paths[book_id] = self.stored.paths[book_id] or path
    end
    self:_forget_oldest(nil)
    self.is_changed = true
end

return Books
