--- The main menu as far as the plugin's entry goes: where it lands, and what tapping does.

local WidgetContainer = require("ui/widget/container/widgetcontainer")

local MainMenu = WidgetContainer:extend {}

local SEPARATOR = "----------------------------"

function MainMenu:init()
    self.plugins = {}
    self.is_open = false
end

function MainMenu:registerToMainMenu(plugin)
    table.insert(self.plugins, plugin)
end

local function found(submenus, name)
    return assert(submenus[name], "a hint names the menu " .. name .. ", and there is none: no menu at all")
end

--- Once for each instance, when the menu is first opened; the table is used again until the instance goes.
function MainMenu:_build()
    if self.entry then
        return
    end
    local items = {}
    for _, plugin in ipairs(self.plugins) do
        plugin:addToMainMenu(items)
    end
    self.entry = assert(items.tomesync, "the plugin adds no entry with its name")
    local kind = self.ui.document and "reader" or "filemanager"
    local order = require("ui/elements/" .. kind .. "_menu_order")
    local submenus = {}
    for menu, names in pairs(order) do
        submenus[menu] = {}
        for _, name in ipairs(names) do
            if name == "tomesync" then
                self.place = submenus[menu]
            end
            if name ~= SEPARATOR then
                table.insert(submenus[menu], name)
            end
        end
    end
    if not self.place then
        local hint = self.entry.sorting_hint
        self.place = found(submenus, hint or order["KOMenu:menu_buttons"][1])
        table.insert(self.place, "tomesync")
        self.is_new = not hint
    end
end

function MainMenu:get_place()
    self:_build()
    return self.place
end

local function text_of(item)
    return item.text_func and item.text_func() or item.text
end

function MainMenu:get_entry_text()
    self:_build()
    return (self.is_new and "NEW: " or "") .. text_of(self.entry)
end

local function is_enabled(item)
    if item.enabled_func then
        return item.enabled_func() and true or false
    end
    return item.enabled ~= false
end

local function submenu_of(item)
    return item.sub_item_table_func and item.sub_item_table_func() or item.sub_item_table
end

local function item_in(items, text)
    local texts = {}
    for _, item in ipairs(items) do
        local shown = assert(text_of(item), "an item without a text")
        if shown:sub(1, #text) == text then
            return item
        end
        table.insert(texts, shown)
    end
    error(string.format("%q is not in the menu: %s", text, table.concat(texts, ", ")))
end

--- The items of the submenu that the texts lead to.
function MainMenu:_items(texts, count)
    self:_build()
    local items = submenu_of(self.entry)
    for index = 1, count do
        local item = item_in(items, texts[index])
        assert(is_enabled(item), texts[index] .. " cannot be tapped")
        items = assert(submenu_of(item), texts[index] .. " has no submenu")
        assert(#items > 0, texts[index] .. " does nothing, for its submenu is empty")
    end
    return items
end

function MainMenu:list(texts)
    local told = {}
    for index, item in ipairs(self:_items(texts, #texts)) do
        told[index] = {
            text = text_of(item),
            is_enabled = is_enabled(item),
            is_checked = item.checked_func and item.checked_func() or item.checked or false,
            has_submenu = (item.sub_item_table or item.sub_item_table_func) and true or false,
        }
    end
    return told
end

--- What a callback gets: it can close the menu, or have it drawn anew.
function MainMenu:_touch_menu(items)
    local menu = self
    return {
        item_table = items,
        item_table_stack = {},
        updateItems = function() end,
        closeMenu = function()
            menu.is_open = false
        end,
        backToUpperMenu = function() end,
    }
end

function MainMenu:tap(texts)
    local items = self:_items(texts, #texts - 1)
    local item = item_in(items, texts[#texts])
    assert(is_enabled(item), texts[#texts] .. " cannot be tapped")
    self.is_open = true
    local touch_menu = self:_touch_menu(items)
    local callback = item.callback_func and item.callback_func() or item.callback
    if not submenu_of(item) and callback then
        callback(touch_menu)
        if not (item.checked_func or item.checked or item.keep_menu_open) then
            touch_menu.closeMenu()
        end
    end
end

function MainMenu:hold(texts)
    local items = self:_items(texts, #texts - 1)
    local item = item_in(items, texts[#texts])
    local callback = item.hold_callback_func and item.hold_callback_func() or item.hold_callback
    if callback then
        callback(self:_touch_menu(items), item)
    elseif item.help_text or item.help_text_func then
        local InfoMessage = require("ui/widget/infomessage")
        require("ui/uimanager"):show(InfoMessage:new { text = item.help_text or item.help_text_func() })
    end
end

return MainMenu
