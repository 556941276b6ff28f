--- What the server tells of series and of books to fetch, as far as it makes sense. Pure.

local volumes = {}

local function text_of(value)
    return type(value) == "string" and value ~= "" and value or nil
end

local function whole_number(value)
    return type(value) == "number" and value >= 0 and value < 2 ^ 53 and value == math.floor(value) and value or nil
end

local function sum_of(value, digits)
    local text = type(value) == "string" and value:lower() or ""
    return #text == digits and not text:find("%X") and text or nil
end

local function file_of(given)
    local id = type(given) == "table" and whole_number(given.id)
    local size = id and whole_number(given.file_size)
    if not size then
        return nil
    end
    return { id = id, size = size, sha256 = sum_of(given.sha256, 64), ko_md5 = sum_of(given.ko_md5, 32) }
end

--- A book's folder is `<book_type>/<Series>`.
local function series_of(folder)
    return folder and folder:match("^[^/]+/([^/]+)$")
end

--- A book as a manifest or the inbox has it: { book_id, title, series, series_index, author, folder, filename, file =
--- { id, size, sha256, ko_md5 } }; `file` is nil if there is none to fetch. nil for what is no book.
function volumes.read(entry, series)
    local book_id = type(entry) == "table" and whole_number(entry.id)
    if not book_id then
        return nil
    end
    local filename = text_of(entry.filename)
    local folder = text_of(entry.folder)
    return {
        book_id = book_id,
        title = text_of(entry.title) or filename or tostring(book_id),
        series = text_of(series) or series_of(folder),
        series_index = type(entry.series_index) == "number" and entry.series_index or nil,
        author = text_of(entry.author),
        folder = folder,
        filename = filename,
        file = filename and file_of(entry.file) or nil,
    }
end

--- The volumes of a manifest, in its order; nil if it is none.
function volumes.of_manifest(manifest)
    if type(manifest.books) ~= "table" then
        return nil
    end
    local list = {}
    for _, entry in ipairs(manifest.books) do
        table.insert(list, volumes.read(entry, manifest.series_name))
    end
    return list
end

--- Those after a book: { book_id, series_index }. nil if it is not among them.
--
-- The number in the series stands in for the id: two books that were made one on the server have the id of one.
function volumes.after(list, book)
    local position
    for index, volume in ipairs(list) do
        if volume.book_id == book.book_id then
            position = index
            break
        elseif not position and book.series_index and volume.series_index == book.series_index then
            position = index
        end
    end
    return position and { unpack(list, position + 1) }
end

--- The list of series: each { name, author, count, book_id }. nil if it is none.
function volumes.of_series_list(answer)
    -- Anybody's JSON can be an object; ours is a list.
    if #answer == 0 and next(answer) ~= nil then
        return nil
    end
    local list = {}
    for _, entry in ipairs(answer) do
        local book_id = type(entry) == "table" and whole_number(entry.first_book_id)
        local name = book_id and text_of(entry.name)
        if name then
            local count = whole_number(entry.book_count) or 0
            table.insert(list, { name = name, author = text_of(entry.author), count = count, book_id = book_id })
        end
    end
    return list
end

--- Those whose name or author holds the text, whatever the case; `lower(text)` takes the case away.
function volumes.search(list, text, lower)
    local wanted = lower(text)
    local found = {}
    for _, series in ipairs(list) do
        series.searched = series.searched or lower(series.name .. "\n" .. (series.author or ""))
        if series.searched:find(wanted, 1, true) then
            table.insert(found, series)
        end
    end
    return found
end

return volumes
