--- Which of the server's books the open one is: why it is none, and the choice between those that it might be.

local ButtonDialog = require("ui/widget/buttondialog")
local T = require("ffi/util").template
local UIManager = require("ui/uimanager")

local _ = require("tomesync/gettext")
local N_ = _.ngettext
local asking = require("tomesync/asking")
local guard = require("tomesync/guard")
local words = require("tomesync/words")

local matching = {}

-- As many as the server offers. The window scrolls, and the likeliest come first.
local MOST_CANDIDATES = 20

local function known_of(plugin)
    return plugin.book and plugin.service.books:find(plugin.book.file) or {}
end

local function text_or(value, otherwise)
    return type(value) == "string" and value ~= "" and value or otherwise
end

local function is_book_open(plugin)
    return plugin.book ~= nil and plugin.book:is_open()
end

--- One line on what the open book is for the server.
function matching.status_text(plugin)
    local known = known_of(plugin)
    local candidates = known.candidates and #known.candidates or 0
    if known.book_id then
        return T(_("This book: %1"), text_or(known.title, "?"))
    elseif not plugin.book and not plugin.service:is_on() then
        return _("This book: Tome is off")
    elseif known.is_none then
        return _("This book: none of the server's")
    elseif candidates > 0 then
        return T(N_("This book: not sure, 1 candidate", "This book: not sure, %1 candidates", candidates), candidates)
    elseif known.candidates then
        return _("This book: not in the library")
    end
    return _("This book: not asked yet")
end

local function label_of(candidate)
    local label = text_or(candidate.title, "?")
    local series, author = text_or(candidate.series), text_or(candidate.author)
    if series and type(candidate.series_index) == "number" then
        label = T(_("%1 (%2 #%3)"), label, series, string.format("%g", candidate.series_index))
    elseif series then
        label = T(_("%1 (%2)"), label, series)
    end
    return author and T(_("%1 — %2"), label, author) or label
end

--- Keep the choice, and tell the server as soon as there is a connection. `match` is the candidate, or nil for none.
local function choose(plugin, match)
    local service, file = plugin.service, plugin.book.file
    local now = os.time()
    if match then
        service.books:match(file, {
            book_id = match.book_id,
            title = text_or(match.title),
            series = text_or(match.series),
            series_index = type(match.series_index) == "number" and match.series_index or nil,
            method = "link",
        }, now)
        service.books:set_choice(file, { book_id = match.book_id }, now)
    else
        service.books:unmatch(file, nil, now)
        service.books:set_none(file, true, now)
        service.books:set_choice(file, { none = true }, now)
    end
    service:save_books()
    plugin:sync_as_asked(function(word)
        local failure = words.failure(word, service.connection.last_answer)
        local known = service.books:find(file) or {}
        if failure and known.choice then
            asking.say(failure .. "\n" .. _("Your choice is kept and sent later."))
        elseif match and word and known.book_id ~= match.book_id then
            asking.say(_("The server does not have that book any more. Ask it again which one this is."))
        end
    end)
end

-- How the server came to it, where that says something to a reader.
local TAKEN_FOR = {
    link = _("This file is taken for “%1”, as you said."),
    hash = _("This file is taken for “%1”, by its contents."),
    filename = _("This file is taken for “%1”, by its name."),
}

local function explanation(plugin, known)
    if known.book_id then
        local text = TAKEN_FOR[known.method] or _("This file is taken for “%1”.")
        return T(text, text_or(known.title, "?"))
    elseif not plugin.book and not plugin.service:is_on() then
        return _("Tome is off, so the server is not asked about this book.")
    elseif known.is_none then
        return _("You said that this is none of the server's books. What is read in it is kept there all the same.")
    elseif known.candidates and #known.candidates > 0 then
        return _("The server is not sure which book this is. Which one?")
    elseif known.candidates then
        return _("The server has no such book. What is read in it is kept, and counted once the book is there.")
    end
    return _("The server has not been asked yet which book this is.")
end

--- Show what the open book is, with the candidates to choose from.
function matching.show(plugin)
    local known = known_of(plugin)
    local dialog
    local function button(text, action)
        return {
            {
                text = text,
                callback = guard(function()
                    UIManager:close(dialog)
                    if is_book_open(plugin) then
                        action()
                    end
                end),
            },
        }
    end
    local buttons = {}
    for index, candidate in ipairs(known.candidates or {}) do
        if index <= MOST_CANDIDATES and type(candidate) == "table" and type(candidate.book_id) == "number" then
            table.insert(
                buttons,
                button(label_of(candidate), function()
                    choose(plugin, candidate)
                end)
            )
        end
    end
    if not known.is_none then
        local text = #buttons > 0 and _("None of these") or known.book_id and _("It is not this book") or nil
        if text then
            table.insert(
                buttons,
                button(text, function()
                    choose(plugin, nil)
                end)
            )
        end
    end
    if plugin.book then
        table.insert(
            buttons,
            button(_("Ask the server again"), function()
                matching.ask_again(plugin)
            end)
        )
    end
    table.insert(buttons, button(_("Close"), function() end))
    dialog = ButtonDialog:new({ title = explanation(plugin, known), buttons = buttons })
    UIManager:show(dialog)
end

--- Forget what is known of the open book, the choice not to have it included, and ask.
function matching.ask_again(plugin)
    asking.with_message(_("Asking the server…"), function(done)
        -- It may have been closed while Wi-Fi was coming up.
        if not is_book_open(plugin) then
            done()
            return
        end
        local service, file = plugin.service, plugin.book.file
        local known = known_of(plugin)
        local match = known.book_id
            and {
                book_id = known.book_id,
                title = known.title,
                series = known.series,
                series_index = known.series_index,
                method = known.method,
            }
        if known.is_none then
            -- Taking back what was said, or the server would go by it.
            service.books:set_choice(file, {}, os.time())
        end
        service.books:unmatch(file, nil, os.time())
        plugin:sync_as_asked(function(word)
            done()
            local failure = words.failure(word, service.connection.last_answer)
            local found = service.books:find(file)
            if match and (failure or not word) and not (found and found.book_id) then
                -- The server has not said otherwise.
                service.books:match(file, match, os.time())
            end
            service:save_books()
            if is_book_open(plugin) then
                asking.say(failure or matching.status_text(plugin))
            end
        end)
    end)
end

--- Forget which book each file is: they are asked about when they are opened, and the open one now.
function matching.resolve_all_again(plugin)
    local count = plugin.service.books:forget_matches()
    plugin.service:save_books()
    if count == 0 then
        asking.say(_("No book has been matched yet. That happens when it is opened."))
    else
        local text = N_(
            "1 book is forgotten and will be matched anew when it is opened.",
            "%1 books are forgotten and will be matched anew when they are opened.",
            count
        )
        asking.say(T(text, count))
    end
    if is_book_open(plugin) then
        plugin.wants_place = true
        plugin.service.connection:try_again()
        plugin:catch_up()
    end
end

return matching
