--- Brings the plugin to the version that the server offers, and back to the one before.
--
-- What runs is left alone until the new version has been read, compared and tried in a process of its own. Then, in an
-- order in which the power may fail anywhere and a whole main.lua is there all the same:
--   1. what is there is copied to main.lua.old and _meta.lua.old
--   2. the mark main.lua.updated is made, by which bootstrap.lua knows a version that has yet to prove itself
--   3. the new main.lua takes the old one's place in one step, then the new _meta.lua, which goes with either

local ConfirmBox = require("ui/widget/confirmbox")
local UIManager = require("ui/uimanager")
local ffiUtil = require("ffi/util")
local lfs = require("libs/libkoreader-lfs")
local logger = require("logger")
local T = ffiUtil.template

local _ = require("tomesync/gettext")
local asking = require("tomesync/asking")
local baked = require("tomesync/baked")
local flow = require("tomesync/flow")
local folder = require("tomesync/folder")
local guard = require("tomesync/guard")
local transport = require("tomesync/transport")
local words = require("tomesync/words")
local zip = require("tomesync/zip")

local updater = {}

local FETCH_SECONDS = 60
local TRIAL_SECONDS = 20

local FOLDER_IN_ZIP = "tomesync.koplugin/"
local MAIN, META = folder .. "/main.lua", folder .. "/_meta.lua"
-- The names of these are known to bootstrap.lua too.
local UPDATED, STARTING, BROKEN = MAIN .. ".updated", MAIN .. ".starting", MAIN .. ".broken"
-- Where a new version is tried it must find neither the old one nor its mark beside it.
local TRIAL_FOLDER = folder .. "/new"
local TRIAL_ZIP = TRIAL_FOLDER .. "/plugin.zip"
local TRIAL_MAIN, TRIAL_META = TRIAL_FOLDER .. "/main.lua", TRIAL_FOLDER .. "/_meta.lua"

-- What starts with the next KOReader.
local installed_version = baked.version
-- Of main.lua.old, once looked at: a text, or false if there is none.
local version_before

-- Files

local function exists(path)
    return lfs.attributes(path, "mode") ~= nil
end

local function content_of(path)
    local file = io.open(path, "rb")
    if not file then
        return nil
    end
    local content = file:read("*a")
    file:close()
    return content
end

--- Write a file to the disk. A full one shows at the end only, so what counts is what can be read again.
local function write(path, content)
    local file, message = io.open(path, "wb")
    if not file then
        return nil, message
    end
    local did_write, write_message = file:write(content)
    if did_write then
        ffiUtil.fsyncOpenedFile(file)
    end
    file:close()
    if did_write and content_of(path) == content then
        return true
    end
    os.remove(path)
    return nil, write_message or path .. ": there is no room"
end

--- Make `copy` the same as `path`; whole at any time.
local function copy_whole(path, copy)
    local content = content_of(path)
    if not content then
        return nil, path .. " is missing"
    end
    local did_write, message = write(copy .. ".new", content)
    if not did_write then
        return nil, message
    end
    return os.rename(copy .. ".new", copy)
end

local function remove_trial()
    for _i, path in ipairs({ TRIAL_ZIP, TRIAL_MAIN, TRIAL_META, TRIAL_FOLDER }) do
        os.remove(path)
    end
end

local function make_trial_folder()
    remove_trial()
    if lfs.attributes(TRIAL_FOLDER, "mode") ~= "directory" then
        local did_make, message = lfs.mkdir(TRIAL_FOLDER)
        if not did_make then
            return nil, message
        end
    end
    return write(TRIAL_ZIP, "")
end

-- Versions

--- What the server baked into a main.lua, or nil. It runs where it can reach nothing, and so only as far as that.
local function baked_into(source)
    local chunk = loadstring(source, "=main.lua")
    if not chunk then
        return nil
    end
    local preload = {}
    setfenv(chunk, { package = { loaded = {}, preload = preload } })
    pcall(chunk)
    local did_run, values = pcall(preload["tomesync/baked"])
    return did_run and type(values) == "table" and type(values.version) == "string" and values or nil
end

local function is_ours(values)
    return values.username == baked.username and values.api_key == baked.api_key
end

local function numbers_of(version)
    local numbers = {}
    for digits in version:gmatch("%d+") do
        table.insert(numbers, tonumber(digits))
    end
    return numbers
end

local function is_older(version, other)
    local numbers, others = numbers_of(version), numbers_of(other)
    for index = 1, math.max(#numbers, #others) do
        local number, other_number = numbers[index] or 0, others[index] or 0
        if number ~= other_number then
            return number < other_number
        end
    end
    return false
end

--- The version that there is to go back to, or nil.
function updater.version_before()
    if version_before == nil then
        local values = baked_into(content_of(MAIN .. ".old") or "")
        version_before = values and is_ours(values) and values.version or false
    end
    return version_before or nil
end

--- The version that is installed and waits for KOReader to be started again, or nil.
function updater.version_waiting()
    return installed_version ~= baked.version and installed_version or nil
end

--- The version that the server was last heard to offer, or nil.
function updater.offer(plugin)
    local version = plugin.service.sync.newest_plugin
    return type(version) == "string" and version or nil
end

--- Ask the server which version it offers, within a flow. Answers it, or nil, the word of failure and the answer.
function updater.check(plugin)
    local word, answer = plugin.service.connection:ask("GET", "/tome-sync/me", { is_asked = true })
    if word ~= "ok" then
        return nil, word, answer
    elseif type(answer.plugin_version) ~= "string" then
        return nil, "stranger", { status = 200 }
    end
    plugin.service.sync.newest_plugin = answer.plugin_version
    return answer.plugin_version, word, answer
end

-- Fetching

--- A file as a sink takes it, that remembers what went wrong with it: LuaSocket takes a full disk for a broken line.
local function noting(file)
    local noted = {}
    local function note(result, message)
        noted.message = noted.message or (not result and message or nil)
        return result, message
    end
    function noted.write(_self, chunk)
        return note(file:write(chunk))
    end
    function noted.close()
        if not noted.is_closed then
            noted.is_closed = true
            note(file:close())
        end
    end
    return noted
end

local function fetch_task(request)
    return function(is_alone)
        local file = noting(assert(io.open(TRIAL_ZIP, "wb")))
        request.file = file
        local status, headers = transport.exchange(request, FETCH_SECONDS, is_alone)
        -- The sink has done so, unless the answer broke off.
        file.close()
        if file.message then
            return "unwritable\n\n" .. file.message
        elseif not status then
            return "\n" .. transport.reason(headers) .. "\n" .. headers
        end
        return status .. "\n\n"
    end
end

local function unwritable(message)
    logger.warn("tomesync: no update can be written:", message)
    return _("The plugin's folder cannot be written to, or the disk is full. Nothing was changed.")
end

--- Fetch the ZIP within a flow. Answers true, or nil and a sentence.
local function fetch(service, address)
    local obstacle = service.connection:obstacle(true)
    if obstacle then
        return nil, words.failure(obstacle)
    end
    local did_make, message = make_trial_folder()
    if not did_make then
        return nil, unwritable(message)
    end
    local request = service.client:request("GET", "/tome-sync/plugin", { server_url = address })
    request.headers["Accept"] = "application/zip, application/json"
    local packed, why = flow.run(fetch_task(request), FETCH_SECONDS)
    if not packed then
        local reason = why == "timeout" and "timeout" or "other"
        return nil, words.failure(service.connection:note("network", { reason = reason, message = why }))
    end
    message = packed:match("^unwritable\n\n(.*)$")
    if message then
        return nil, unwritable(message)
    end
    local status, text, note = transport.unpack(packed)
    if status == 200 then
        service.connection:note("ok", {})
        return true
    end
    local word, answer = service.client:read(status, status and content_of(TRIAL_ZIP) or text, note)
    if word == "unknown" or word == "ok" then
        word, answer = "stranger", { status = status }
    end
    return nil, words.failure(service.connection:note(word, answer))
end

-- Examining

local function loads()
    local did_load, class = pcall(dofile, TRIAL_MAIN)
    if not did_load then
        return nil, class
    elseif type(class) ~= "table" or type(class.init) ~= "function" or type(class.addToMainMenu) ~= "function" then
        return nil, "it is no plugin"
    end
    local did_load_meta, meta = pcall(dofile, TRIAL_META)
    if not did_load_meta or type(meta) ~= "table" then
        return nil, did_load_meta and "there is nothing in its _meta.lua" or meta
    end
    return true
end

--- Whether two addresses lead to the same place, as the server sees it when it bakes one in.
local function is_same_address(address, other)
    local function plain(text)
        return (tostring(text):gsub("^%a+", string.lower):gsub("/+$", ""))
    end
    return plain(address) == plain(other)
end

--- What is wrong with the ZIP that was fetched, as a word and what there is to say about it. "ok" says that nothing is:
--- then both files lie beside it.
local function examine(address, version, is_alone)
    local content = content_of(TRIAL_ZIP) or ""
    if content:sub(1, 2) ~= "PK" then
        return "stranger", content:find("<", 1, true) and "page" or ""
    end
    local files, reason = zip.entries(content)
    if not files then
        return "damaged", reason
    end
    local main, meta = files[FOLDER_IN_ZIP .. "main.lua"], files[FOLDER_IN_ZIP .. "_meta.lua"]
    if not main or not meta then
        return "damaged", "there is no plugin in it"
    end
    for name, source in pairs({ ["main.lua"] = main, ["_meta.lua"] = meta }) do
        local chunk, message = loadstring(source, "=" .. name)
        if not chunk then
            return "broken", message
        end
    end
    local values = baked_into(main)
    if not values then
        return "broken", "nothing is baked into it"
    elseif not is_ours(values) then
        return "other user", ""
    elseif not is_same_address(values.server_url, address) then
        return "other address", tostring(values.server_url)
    elseif values.version ~= version then
        return "other version", values.version
    end
    for path, source in pairs({ [TRIAL_MAIN] = main, [TRIAL_META] = meta }) do
        local did_write, message = write(path, source)
        if not did_write then
            return "unwritable", message
        end
    end
    -- Loaded here it would take the place of what runs. Where there are no processes, it is tried when it is started.
    local does_load, message = true, nil
    if is_alone then
        does_load, message = loads()
    end
    if not does_load then
        return "broken", tostring(message)
    end
    return "ok", ""
end

local function refusal(word, detail, version)
    logger.warn("tomesync: the update is not installed:", word, detail)
    if word == "stranger" then
        return words.failure("stranger", { status = 200, is_page = detail == "page" })
    elseif word == "damaged" then
        return _("The update did not arrive whole. Nothing was changed. Please try again.")
    elseif word == "other user" then
        return _("The server made this update for another user or with another key. Nothing was changed.")
    elseif word == "other address" then
        return T(_("The server made this update for another address, %1. Nothing was changed."), detail)
    elseif word == "other version" then
        return T(_("The server now offers version %1. Nothing was changed. Please try again."), detail)
    elseif word == "unwritable" then
        return unwritable(detail)
    end
    return T(_("Version %1 does not work on this device. Nothing was changed."), version)
end

-- Installing

--- Answers true, or nil and a message, with the version that was there still in its place.
local function put_in_place()
    local did_write, message = true, nil
    -- With a version before beside it, this mark would say that what runs here never came to work.
    os.remove(STARTING)
    -- A version that was never started is none to go back to: what was before it stays.
    if not exists(UPDATED) then
        did_write, message = copy_whole(META, META .. ".old")
        if did_write then
            did_write, message = copy_whole(MAIN, MAIN .. ".old")
        end
    end
    if did_write then
        did_write, message = write(UPDATED, "")
    end
    if not did_write then
        return nil, message
    end
    ffiUtil.fsyncDirectory(folder)
    did_write, message = os.rename(TRIAL_MAIN, MAIN)
    if not did_write then
        return nil, message
    end
    os.rename(TRIAL_META, META)
    ffiUtil.fsyncDirectory(folder)
    os.remove(BROKEN)
    return true
end

--- Fetch, examine and install, within a flow. Answers true and the version, or nil and a sentence.
--
-- `version` is the one that the reader wants; without it, the server is asked, and no older one is taken.
function updater.install(plugin, version)
    local is_wanted = version ~= nil
    if not is_wanted then
        local word, answer
        version, word, answer = updater.check(plugin)
        if not version then
            return nil, words.failure(word, answer) or words.failure("stranger", { status = 200 })
        end
    end
    if version == installed_version then
        return nil, T(_("Version %1 is already installed."), version)
    elseif not is_wanted and is_older(version, installed_version) then
        return nil, T(_("The server offers version %1, which is older than this one."), version)
    end
    local address = plugin.service.client.server_url()
    local did_fetch, sentence = fetch(plugin.service, address)
    if not did_fetch then
        remove_trial()
        return nil, sentence
    end
    local packed = flow.run(function(is_alone)
        return table.concat({ examine(address, version, is_alone) }, "\n")
    end, TRIAL_SECONDS)
    local word, detail = (packed or "broken\nit did not come to an end"):match("^([^\n]*)\n(.*)$")
    if word ~= "ok" then
        remove_trial()
        return nil, refusal(word, detail, version)
    end
    local did_install, message = put_in_place()
    remove_trial()
    version_before = nil
    if not did_install then
        return nil, unwritable(message)
    end
    installed_version = version
    return true, version
end

--- Put the version before back. Answers true and that version, or nil and a sentence.
function updater.roll_back()
    local version = updater.version_before()
    if not version then
        return nil, _("There is no earlier version to go back to.")
    end
    local did_rename, message = os.rename(MAIN .. ".old", MAIN)
    if not did_rename then
        return nil, unwritable(message)
    end
    installed_version, version_before = version, nil
    os.rename(META .. ".old", META)
    os.remove(UPDATED)
    os.remove(STARTING)
    ffiUtil.fsyncDirectory(folder)
    return true, version
end

-- What the reader sees

local function offer_restart(text)
    if UIManager.askForRestart then
        UIManager:askForRestart(text)
    else
        asking.say(text)
    end
end

local is_at_work = false

--- Run `body` as a flow under a message that says what is being done, one at a time.
local function work(text, body)
    asking.with_message(text, function(done)
        if is_at_work then
            done()
            return
        end
        is_at_work = true
        flow.start(body, function()
            is_at_work = false
            done()
        end)
    end)
end

local function install_and_say(plugin, version)
    work(T(_("Installing version %1…"), version), function()
        local did_install, sentence = updater.install(plugin, version)
        if did_install then
            offer_restart(T(_("Version %1 is installed. It starts when KOReader is started again."), version))
        else
            asking.say(sentence)
        end
    end)
end

--- Ask the server for its version and say it. `go_on(version)` is called with one that is not installed.
local function ask_for_version(plugin, go_on)
    local version
    work(_("Asking the server which version it offers…"), function()
        local word, answer
        version, word, answer = updater.check(plugin)
        if not version then
            asking.say(words.failure(word, answer) or words.failure("network"))
        elseif version == installed_version then
            asking.say(T(_("Version %1 is installed, and it is the one that the server offers."), version))
        else
            -- When this flow has ended, with its message.
            UIManager:nextTick(guard(function()
                go_on(version)
            end))
        end
    end)
end

--- Bring the plugin to the server's version, saying what comes of it. Nothing is done about an older one unless the
--- reader agrees.
function updater.update(plugin)
    ask_for_version(plugin, function(version)
        if not is_older(version, installed_version) then
            install_and_say(plugin, version)
            return
        end
        UIManager:show(ConfirmBox:new {
            text = T(
                _("The server offers version %1. Version %2 is installed, which is newer.\n\nInstall version %1?"),
                version,
                installed_version
            ),
            ok_text = _("Install"),
            ok_callback = guard(function()
                install_and_say(plugin, version)
            end),
        })
    end)
end

local function go_back()
    local did_roll_back, answer = updater.roll_back()
    if did_roll_back then
        offer_restart(T(_("Version %1 is back. It starts when KOReader is started again."), answer))
    else
        asking.say(answer)
    end
end

local function offer_text(plugin)
    local offered = updater.offer(plugin)
    if not offered then
        return _("Ask which version the server offers")
    elseif offered == installed_version then
        return _("This is the version that the server offers.")
    end
    return T(_("The server offers version %1"), offered)
end

local function never()
    return false
end

--- The items for the plugin's About. To be asked for anew each time the menu is opened.
function updater.menu_items(plugin)
    local items = { { text = T(_("Version %1"), baked.version), enabled_func = never } }
    local waiting, before = updater.version_waiting(), updater.version_before()
    if waiting then
        table.insert(items, {
            text = T(_("Version %1 starts when KOReader is started again"), waiting),
            enabled_func = never,
        })
    elseif exists(BROKEN) then
        table.insert(items, { text = _("The last update failed and was taken back"), enabled_func = never })
    end
    table.insert(items, {
        text_func = function()
            return guard(offer_text)(plugin) or _("Ask which version the server offers")
        end,
        callback = guard(function()
            ask_for_version(plugin, function(version)
                asking.say(
                    T(_("The server offers version %1, and version %2 is installed."), version, installed_version)
                )
            end)
        end),
    })
    table.insert(items, {
        text = _("Update the plugin"),
        enabled_func = guard(function()
            return updater.offer(plugin) ~= installed_version
        end),
        callback = guard(function()
            updater.update(plugin)
        end),
    })
    if before then
        table.insert(items, {
            text = T(_("Go back to version %1"), before),
            callback = guard(go_back),
        })
    end
    return items
end

return updater
