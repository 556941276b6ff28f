--- The menu of settings.

local ConfirmBox = require("ui/widget/confirmbox")
local Device = require("device")
local SpinWidget = require("ui/widget/spinwidget")
local T = require("ffi/util").template
local UIManager = require("ui/uimanager")

local _ = require("tomesync/gettext")
local N_ = _.ngettext
local address = require("tomesync/address")
local baked = require("tomesync/baked")
local diagnosis = require("tomesync/diagnosis")
local guard = require("tomesync/guard")
local inputs = require("tomesync/inputs")
local words = require("tomesync/words")

local preferences = {}

local LONGEST_NAME = 60
local MOST_MINUTES = 30
local FORMATS = {
    { "epub", "EPUB" },
    { "kepub.epub", "KEPUB" },
    { "cbz", "CBZ" },
    { "pdf", "PDF" },
    { "mobi", "MOBI" },
    { "azw3", "AZW3" },
}

local CHOICES = {
    { "auto", _("Go there by itself") },
    { "ask", _("Ask") },
    { "never", _("Stay here") },
}

local function redraw(menu)
    if menu and menu.updateItems then
        menu:updateItems()
    end
end

local function set(plugin, name, value)
    plugin.service.settings:set(name, value)
    plugin.service.settings:flush()
end

--- One item for each value, of which one is checked. `is_value()` and `choose()` are given the value.
local function radio_items(choices, is_value, choose)
    local items = {}
    for _index, choice in ipairs(choices) do
        table.insert(items, {
            text = choice[2],
            radio = true,
            checked_func = guard(function()
                return is_value(choice[1])
            end),
            callback = guard(function()
                choose(choice[1])
            end),
        })
    end
    return items
end

local function label_of(choices, value)
    for _index, choice in ipairs(choices) do
        if choice[1] == value then
            return choice[2]
        end
    end
    return "?"
end

local function strategy_item(plugin, name, text)
    local settings = plugin.service.settings
    return {
        text_func = words.always(function()
            return T(text, label_of(CHOICES, settings:get(name)))
        end),
        sub_item_table = radio_items(CHOICES, function(value)
            return settings:get(name) == value
        end, function(value)
            set(plugin, name, value)
        end),
    }
end

local function minutes_of_cap(plugin)
    return math.floor(plugin.service.settings:get("idle_cap_seconds") / 60 + 0.5)
end

local function show_idle_cap(plugin, menu)
    UIManager:show(SpinWidget:new({
        title_text = _("Longest time for one page"),
        info_text = _("In minutes. A page that stays open longer is not counted as read all that time."),
        value = math.max(1, math.min(MOST_MINUTES, minutes_of_cap(plugin))),
        value_min = 1,
        value_max = MOST_MINUTES,
        default_value = 3,
        ok_text = _("Set"),
        callback = guard(function(spin)
            set(plugin, "idle_cap_seconds", spin.value * 60)
            if plugin.session then
                plugin.session.cap_seconds = spin.value * 60
            end
            redraw(menu)
        end),
    }))
end

--- How many there are in UTF-8: all bytes but those that continue one.
local function characters_of(text)
    return select(2, text:gsub("[^\128-\191]", ""))
end

local function show_device_name(plugin, menu)
    inputs.ask({
        title = _("Name of this device"),
        description = _("Other devices and the statistics show it. Left empty, it is the device's model."),
        input = plugin.service.settings:get("device_name") or "",
        hint = Device.model,
        take = function(text)
            local name = text:match("^%s*(.-)%s*$")
            if characters_of(name) > LONGEST_NAME then
                return T(_("The name is too long: %1 characters at most."), LONGEST_NAME)
            end
            set(plugin, "device_name", name ~= "" and name or nil)
            redraw(menu)
            return nil
        end,
    })
end

local function use_address(plugin, url, menu)
    local service = plugin.service
    set(plugin, "server_url", url)
    plugin:change_server()
    redraw(menu)
    UIManager:show(ConfirmBox:new({
        text = T(_("The server's address is now %1."), service:server_url()),
        ok_text = _("Test connection"),
        cancel_text = _("Close"),
        ok_callback = guard(function()
            diagnosis.test_connection(plugin)
        end),
    }))
end

local function show_server_address(plugin, menu)
    inputs.ask({
        title = _("Server address"),
        description = T(_("Left empty, it is %1, with which this plugin was made."), baked.server_url),
        input = plugin.service:server_url(),
        hint = baked.server_url,
        take = function(text)
            local url = address.cleaned(text)
            if url == "" or url == baked.server_url then
                use_address(plugin, nil, menu)
                return nil
            elseif not url then
                return _("The address must look like https://books.example.org or http://192.168.1.10:8080.")
            end
            use_address(plugin, url, menu)
            return nil
        end,
    })
end

local function format_items(plugin)
    local settings = plugin.service.settings
    local choices = { { "", _("As set on the server") } }
    for _index, format in ipairs(FORMATS) do
        table.insert(choices, { format[1], T(_("%1 first"), format[2]) })
    end
    return radio_items(choices, function(value)
        local formats = settings:get("formats")
        return (formats and formats[1] or "") == value
    end, function(value)
        set(plugin, "formats", value ~= "" and { value } or nil)
    end)
end

function preferences.items(plugin)
    local service = plugin.service
    return {
        strategy_item(plugin, "ahead", _("When another device is ahead: %1")),
        strategy_item(plugin, "behind", _("When another device is behind: %1")),
        {
            text_func = words.always(function()
                local minutes = minutes_of_cap(plugin)
                return T(N_("Longest time for one page: 1 min", "Longest time for one page: %1 min", minutes), minutes)
            end),
            keep_menu_open = true,
            callback = guard(function(menu)
                show_idle_cap(plugin, menu)
            end),
        },
        {
            text_func = words.always(function()
                return T(_("Device name: %1"), service:device().name)
            end),
            keep_menu_open = true,
            callback = guard(function(menu)
                show_device_name(plugin, menu)
            end),
        },
        {
            text_func = words.always(function()
                return T(_("Server address: %1"), service:server_url())
            end),
            keep_menu_open = true,
            callback = guard(function(menu)
                show_server_address(plugin, menu)
            end),
        },
        {
            text = _("Preferred format"),
            sub_item_table = format_items(plugin),
        },
    }
end

return preferences
