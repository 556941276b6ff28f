--- Fetches books one after the other, and says what became of them.
--
-- There is one run at a time. It belongs to the process and not to a plugin's instance: a book that is opened or closed
-- meanwhile ends nothing.

local ButtonDialog = require("ui/widget/buttondialog")
local NetworkMgr = require("ui/network/manager")
local T = require("ffi/util").template
local UIManager = require("ui/uimanager")
local ffiUtil = require("ffi/util")
local util = require("util")

local _ = require("tomesync/gettext")
local Shelf = require("tomesync/shelf")
local asking = require("tomesync/asking")
local flow = require("tomesync/flow")
local folders = require("tomesync/folders")
local guard = require("tomesync/guard")
local outcome = require("tomesync/outcome")
local transfer = require("tomesync/transfer")

local downloads = {}

-- KOReader itself has to write, and a full device is no use to anybody.
local SPARE_BYTES = 10 * 1000 * 1000
-- After so many in a row of which nothing came the others are not tried.
local MOST_IN_VAIN = 3
-- The map is one file, and a book that it lacks is known again by its name and sum.
local SAVE_EVERY = 10
-- Between two looks at the screen, where nothing else makes a pause.
local PAUSE_EVERY = 20
-- More lines than this are read in a window that scrolls.
local LINES_OF_A_MESSAGE = 8

-- What may hold for the next book as well, and what surely does.
local IN_VAIN = { network = true, server = true, stranger = true, storage = true, failed = true }
local HOPELESS = { key = true, offline = true }

local the_run

local Run = {}
Run.__index = Run

-- What is here

local function file_at(path, file)
    return { filename = path:match("[^/]+$"), ko_md5 = file.ko_md5, size = file.size }
end

--- The reader may have chosen another server meanwhile; its books have other numbers.
function Run:_is_of_this_server()
    return self.service:server_url() == self.server_url
end

function Run:_register(volume, path)
    if not self:_is_of_this_server() then
        return
    end
    local match = {
        book_id = volume.book_id,
        title = volume.title,
        series = volume.series,
        series_index = volume.series_index,
    }
    self.service.books:register(file_at(path, volume.file), match, path, os.time())
end

--- Whether the volume is to be fetched. If not, it is counted as here or as a failure.
function Run:_is_missing(volume)
    local path, is_registered = self.shelf:find(volume)
    if path then
        if not is_registered then
            self:_register(volume, path)
        end
        self:_note_here(volume)
        return false
    elseif not volume.file then
        self:_note_failure(volume, "no_file")
        return false
    end
    volume.place = folders.place(self.base, volume)
    if folders.size_of(volume.place.path) then
        self:_note_failure(volume, "other")
        return false
    end
    return true
end

-- What happens to a volume

function Run:_note_here(volume)
    self.here = self.here + 1
    table.insert(self.present, volume)
end

function Run:_note_failure(volume, word, answer)
    table.insert(self.failures, { volume = volume, word = word, answer = answer })
end

function Run:_tell(volume)
    if self.on_here and self:_is_of_this_server() then
        self.on_here(volume)
    end
end

--- Give a file that is whole its name.
function Run:_put(volume)
    local place = volume.place
    -- Somebody may have put one there meanwhile, and renaming would take its place.
    if folders.size_of(place.path) then
        return "other"
    end
    local did_move, message = os.rename(place.partial, place.path)
    if not did_move then
        return "storage", { message = message }
    end
    ffiUtil.fsyncDirectory(place.folder)
    self:_register(volume, place.path)
    return "whole"
end

function Run:_fetch(volume)
    if not folders.make(volume.place.folder) then
        return "storage", {}
    end
    local obstacle = self.service.connection:obstacle(true)
    if obstacle then
        return obstacle, {}
    end
    local word, answer = transfer.fetch(self.service.client, volume, volume.place.partial)
    if word == "whole" then
        return self:_put(volume)
    end
    return word, answer
end

--- Fetch what is missing. Ends early where going on is of no use.
function Run:_fetch_all()
    local in_vain = 0
    for number, volume in ipairs(self.missing) do
        if not self:_is_of_this_server() then
            return
        end
        self.number = number
        self:_show_progress()
        local word, answer = self:_fetch(volume)
        if word == "whole" then
            self.downloaded = self.downloaded + 1
            if self.downloaded % SAVE_EVERY == 0 then
                self.service:save_books()
            end
            self:_tell(volume)
        else
            self:_note_failure(volume, word, answer)
        end
        -- One that broke off shows at least that somebody is there.
        local did_break_off = word == "network" and answer.did_arrive
        in_vain = IN_VAIN[word] and not did_break_off and in_vain + 1 or 0
        if HOPELESS[word] or in_vain >= MOST_IN_VAIN then
            return
        end
    end
end

function Run:_look_for_missing()
    local swept = {}
    for index, volume in ipairs(self.volumes) do
        if self:_is_missing(volume) then
            table.insert(self.missing, volume)
            local folder = volume.place.folder
            if not swept[folder] then
                swept[folder] = true
                folders.sweep(folder, os.time())
            end
        end
        if index % PAUSE_EVERY == 0 then
            flow.sleep(0)
        end
    end
end

--- Whether there is room for all of it; if not, the reader is told.
function Run:_has_room()
    local needed = 0
    for _index, volume in ipairs(self.missing) do
        local gathered = folders.size_of(volume.place.partial) or 0
        needed = needed + math.max(0, volume.file.size - gathered)
    end
    local free = folders.free_bytes(self.base)
    if not free or needed == 0 or free >= needed + SPARE_BYTES then
        return true
    end
    self.closing_text = T(
        _("There is not enough room on this device: the books take %1, and %2 are free. Nothing was downloaded."),
        util.getFriendlySize(needed),
        util.getFriendlySize(free)
    )
    return false
end

function Run:_work()
    self.base = folders.base()
    if not self.base then
        self.closing_text = _("There is no folder for books. Set a home folder in the file browser first.")
        return
    end
    self.shelf = Shelf.new(self.service, self.base)
    self:_look_for_missing()
    if self:_has_room() then
        self:_fetch_all()
    end
    -- Last, so that what is here already does not hold up what is not.
    for _index, volume in ipairs(self.present) do
        self:_tell(volume)
    end
end

-- What the reader sees

function Run:_progress_text()
    if not self.number then
        return _("Looking for what is here already…")
    end
    local volume = self.missing[self.number]
    return T(_("Downloading %1 of %2 — %3"), self.number, #self.missing, volume.title)
end

function Run:_close_window()
    if self.window then
        UIManager:close(self.window)
        self.window = nil
    end
end

--- `introduction` is a sentence before it.
function Run:_show_progress(introduction)
    if self.is_hidden then
        return
    end
    local text = self:_progress_text()
    text = introduction and introduction .. "\n" .. text or text
    if self.window and self.window.setTitle then
        -- A new window for each volume would be a black flash for each.
        self.window:setTitle(text)
        return
    end
    self:_close_window()
    self.window = ButtonDialog:new({
        title = text,
        -- A tap beside it must not end half an hour's work, nor hide how to end it.
        dismissable = false,
        buttons = {
            {
                {
                    text = _("Hide"),
                    callback = guard(function()
                        self.is_hidden = true
                        self:_close_window()
                    end),
                },
                {
                    text = _("Cancel"),
                    callback = guard(function()
                        self.flow:cancel()
                    end),
                },
            },
        },
    })
    UIManager:show(self.window)
end

-- Where a timer puts the device to sleep, a series that takes longer would lose its network in the middle.
local was_paused
local function keep_awake(is_wanted)
    local did_load, PluginShare = pcall(require, "pluginshare")
    if not did_load then
        return
    end
    if is_wanted then
        was_paused = PluginShare.pause_auto_suspend
        PluginShare.pause_auto_suspend = true
    else
        PluginShare.pause_auto_suspend = was_paused
    end
end

local function refresh_file_browser()
    local did_load, FileManager = pcall(require, "apps/filemanager/filemanager")
    if did_load and FileManager.instance then
        FileManager.instance:onRefresh()
    end
end

local function show_summary(text, line_count)
    if line_count <= LINES_OF_A_MESSAGE then
        asking.say(text)
        return
    end
    local TextViewer = require("ui/widget/textviewer")
    UIManager:show(TextViewer:new({ title = _("Downloads"), text = text }))
end

function Run:_end(was_cancelled)
    self.was_cancelled = was_cancelled
    the_run = nil
    keep_awake(false)
    self:_close_window()
    self.service:save_books()
    if self.downloaded > 0 then
        guard(refresh_file_browser)()
    end
    if self.closing_text then
        asking.say(self.closing_text)
    else
        show_summary(outcome.summary(self))
    end
end

--- Fetch `volumes` (see `volumes.read`) that are not on this device yet. `on_here(volume)` is called within a flow for
--- each that is, also for those that were before. While a run is under way it only shows that one.
function downloads.start(service, volumes, on_here)
    if the_run then
        the_run.is_hidden = false
        the_run:_show_progress(_("A download is already under way."))
        return
    end
    NetworkMgr:runWhenConnected(guard(function()
        -- It may have taken a while, and two taps may have waited for it.
        if the_run then
            return
        end
        local run = setmetatable({
            service = service,
            server_url = service:server_url(),
            volumes = volumes,
            on_here = on_here,
            total = #volumes,
            downloaded = 0,
            here = 0,
            present = {},
            missing = {},
            failures = {},
            is_hidden = false,
        }, Run)
        the_run = run
        keep_awake(true)
        run.flow = flow.start(function()
            -- The list that was tapped goes from the screen first.
            flow.sleep(0)
            run:_work()
        end, function(was_cancelled)
            run:_end(was_cancelled)
        end)
    end))
end

--- End the run that is under way, if there is one.
function downloads.cancel()
    if the_run then
        the_run.flow:cancel()
    end
end

return downloads
