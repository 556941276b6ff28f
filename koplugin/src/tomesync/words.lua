--- Sentences for what can go wrong between here and the server.

local T = require("ffi/util").template

local _ = require("tomesync/gettext")
local guard = require("tomesync/guard")

local words = {}

local KEPT = _("What was read is kept and sent later.")

local NETWORK = {
    timeout = _("The server does not answer. Is it running, and is this device in the same network?"),
    name = _("The server's name is not known in this network. Is the address right?"),
    tls = _("No secure connection to the server could be made. Is it really https?"),
    refused = _("Nothing answers at the server's address. Is the port right, and is the server running?"),
    unreachable = _("There is no way from this network to the server. A VPN may be in between, or missing."),
    closed = _("The server broke off the connection."),
    other = _("The server cannot be reached."),
}

--- What a word of failure means, for the reader; nil if it is none.
function words.failure(word, answer)
    answer = answer or {}
    if word == "network" then
        return NETWORK[answer.reason] or NETWORK.other
    elseif word == "key" then
        return _("The server does not accept this plugin's key. Please download the plugin again from the server.")
    elseif word == "server" then
        return T(_("The server is in trouble (status %1)."), answer.status or "?")
    elseif word == "stranger" and answer.is_page then
        return _("A web page answered instead of Tome. Does this network want you to log in first?")
    elseif word == "stranger" then
        return T(_("Something other than Tome answered (status %1). Is the address right?"), answer.status or "?")
    elseif word == "bad" then
        return _("The server could not read what it was sent.")
    elseif word == "offline" then
        return _("There is no network connection.")
    elseif word == "paused" then
        return _("The server did not answer several times, so it is left alone for ten minutes.")
    end
    return nil
end

--- The same function, but it answers a text whatever happens: KOReader cannot draw an item without one.
function words.always(text_func)
    local guarded = guard(text_func)
    return function()
        local text = guarded()
        return type(text) == "string" and text or "?"
    end
end

--- That sentence, and that nothing is lost.
function words.failure_and_kept(word, answer)
    local text = words.failure(word, answer)
    return text and text .. "\n" .. KEPT
end

return words
