--- Goes to the place that was read last, or asks whether to.

local ConfirmBox = require("ui/widget/confirmbox")
local InfoMessage = require("ui/widget/infomessage")
local Notification = require("ui/widget/notification")
local T = require("ffi/util").template
local UIManager = require("ui/uimanager")

local _ = require("tomesync/gettext")
local decision = require("tomesync/decision")
local guard = require("tomesync/guard")
local times = require("tomesync/times")

local moving = {}

local NOTICE_SECONDS = 6

local function percent(fraction)
    return math.floor(fraction * 100 + 0.5)
end

--- "Kindle, 2026-11-22 21:04".
local function source_of(place)
    local name = place.device or _("another device")
    local moment = times.to_show(place.read_at or place.updated_at)
    return moment and T(_("%1, %2"), name, moment) or name
end

local function close_question(plugin)
    if plugin.question then
        UIManager:close(plugin.question)
        plugin.question = nil
    end
end

local function go(plugin, place, here, there)
    plugin.service.books:remember_revision(plugin.book.file, place.revision, os.time(), place.read_at)
    local before, after = percent(here.fraction or 0), percent(there.fraction)
    if plugin:go_to(there) then
        UIManager:show(Notification:new({
            -- One line, cut off where the screen ends.
            text = T(_("%1 % → %2 %: %3"), before, after, source_of(place)),
            timeout = NOTICE_SECONDS,
        }))
    else
        UIManager:show(InfoMessage:new({
            text = T(
                _("The place at %1 % (%2) was not found in this file, so you are still at %3 %."),
                after,
                source_of(place),
                before
            ),
        }))
    end
end

local function ask(plugin, place, here, there)
    close_question(plugin)
    local book = plugin.book
    local function is_still_open()
        plugin.question = nil
        return plugin.book == book and book:is_open()
    end
    plugin.question = ConfirmBox:new({
        -- It comes unasked, perhaps under a finger that is about to turn the page: that tap is no answer.
        flush_events_on_show = true,
        dismissable = false,
        text = T(
            _("Last read at %1 % (%2).\nHere you are at %3 %.\n\nGo to %1 %?"),
            percent(there.fraction),
            source_of(place),
            percent(here.fraction or 0)
        ),
        ok_text = _("Go there"),
        cancel_text = _("Stay here"),
        ok_callback = guard(function()
            if is_still_open() then
                -- Pages may have been turned behind the question.
                go(plugin, place, book:place(), there)
            end
        end),
        cancel_callback = guard(function()
            if is_still_open() then
                plugin:stay(place)
            end
        end),
    })
    UIManager:show(plugin.question)
end

--- The server has told its place: stay, ask or go, as the reader has chosen.
function moving.on_place(plugin, place, is_asked)
    local service, book = plugin.service, plugin.book
    local there = { fraction = math.max(0, math.min(1, place.percentage)), progress = place.progress }
    local here = book:place()
    here.page, there.page = book:pages_of(there)
    local choice = decision.on_place({
        here = here,
        there = there,
        revision = place.revision,
        known = service.books:known_place(book.file),
        read_at_told = place.read_at,
        is_undecided = service.books:is_undecided(book.file),
        read_at = service.sync:local_seconds(place.read_at or place.updated_at),
        last_read_at = plugin.last_read_at,
        told = service.books:told(book.file),
        told_before = service.books:told_before(book.file),
        has_turned = plugin.has_turned,
        ahead = service.settings:get("ahead"),
        behind = service.settings:get("behind"),
        is_asked = is_asked,
    })
    if choice == "go" then
        go(plugin, place, here, there)
    elseif choice == "ask" then
        ask(plugin, place, here, there)
    else
        plugin:stay(place)
    end
end

--- The book is about to go, and with it the question.
function moving.forget(plugin)
    close_question(plugin)
end

return moving
