--- Which of the server's books the open one is: why it is none, and the choice between those that it might be.

local ButtonDialog = require("ui/widget/buttondialog")
local InfoMessage = require("ui/widget/infomessage")
local T = require("ffi/util").template
local UIManager = require("ui/uimanager")

local _ = require("tomesync/gettext")
local N_ = _.ngettext
local actions = require("tomesync/actions")
local guard = require("tomesync/guard")
local words = require("tomesync/words")

local matching = {}

local MOST_CANDIDATES = 8

local function known_of(plugin)
    return plugin.book and plugin.service.books:find(plugin.book.file) or {}
end

--- One line on what the open book is for the server.
function matching.status_text(plugin)
    local known = known_of(plugin)
    local candidates = known.candidates and #known.candidates or 0
    if known.book_id then
        return T(_("This book: %1"), known.title or "?")
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
    local label = candidate.title or "?"
    if candidate.series and candidate.series_index then
        label = T(_("%1 (%2 #%3)"), label, candidate.series, candidate.series_index)
    elseif candidate.series then
        label = T(_("%1 (%2)"), label, candidate.series)
    end
    if candidate.author then
        label = T(_("%1 — %2"), label, candidate.author)
    end
    return label
end

--- Keep the choice, and tell the server as soon as there is a connection. `match` is the candidate, or nil for none.
local function choose(plugin, match)
    local service, file = plugin.service, plugin.book.file
    local now = os.time()
    if match then
        service.books:match(file, { book_id = match.book_id, title = match.title, series = match.series }, now)
        service.books:set_choice(file, { book_id = match.book_id }, now)
    else
        service.books:unmatch(file, nil, now)
        service.books:set_none(file, true, now)
        service.books:set_choice(file, { none = true }, now)
    end
    service:save_books()
    plugin:sync_as_asked(function(word)
        local failure = words.failure(word, service.connection.last_answer)
        if failure then
            UIManager:show(InfoMessage:new({
                text = failure .. "\n" .. _("Your choice is kept and sent later."),
            }))
        end
    end)
end

local function explanation(known)
    if known.book_id then
        local how = known.method and T(_("(found by %1)"), known.method) or ""
        return T(_("This file is taken for “%1” %2."), known.title or "?", how)
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
                    if plugin.book and plugin.book:is_open() then
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
    table.insert(
        buttons,
        button(_("Ask the server again"), function()
            matching.ask_again(plugin)
        end)
    )
    table.insert(buttons, button(_("Close"), function() end))
    dialog = ButtonDialog:new({ title = explanation(known), buttons = buttons })
    UIManager:show(dialog)
end

--- Forget what is known of the open book, the choice not to have it included, and ask.
function matching.ask_again(plugin)
    actions.with_message(_("Asking the server…"), function(done)
        local service = plugin.service
        local known = known_of(plugin)
        service.books:unmatch(plugin.book.file, nil, os.time())
        if known.is_none then
            -- Taking back what was said, or the server would go by it.
            service.books:set_choice(plugin.book.file, {}, os.time())
        end
        plugin:sync_as_asked(function(word)
            done()
            local failure = words.failure(word, service.connection.last_answer)
            UIManager:show(InfoMessage:new({ text = failure or matching.status_text(plugin) }))
        end)
    end)
end

--- Forget which book each file is: they are asked about when they are opened, and the open one now.
function matching.resolve_all_again(plugin)
    local count = plugin.service.books:forget_matches()
    plugin.service:save_books()
    local text = T(
        N_(
            "1 book is forgotten and will be matched anew when it is opened.",
            "%1 books are forgotten and will be matched anew when they are opened.",
            count
        ),
        count
    )
    UIManager:show(InfoMessage:new({ text = text }))
    if plugin.book and plugin.book:is_open() then
        plugin.wants_place = true
        plugin.service.connection.breaker:reset()
        plugin:catch_up()
    end
end

return matching
