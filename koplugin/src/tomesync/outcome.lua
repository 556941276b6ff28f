--- What became of a download, in the reader's language.

local T = require("ffi/util").template

local _ = require("tomesync/gettext")
local N_ = _.ngettext
local words = require("tomesync/words")

local outcome = {}

local REASONS = {
    unknown = _("The server does not have this file any more."),
    busy = _("The server is busy. Try again in a minute."),
    damaged = _("The file arrived damaged, so it was deleted."),
    changed = _("The server has another file by now. Open the list again."),
    storage = _("It could not be written to this device."),
    other = _("Another file with this name is there."),
    no_file = _("The server has no file of this book."),
    failed = _("This device could not run the download."),
}

local BROKEN_OFF = _("The transfer broke off. Next time it goes on from there.")

--- How a volume is called in lists and reports.
function outcome.label(volume)
    if volume.series_index then
        return T(_("Vol. %1 — %2"), string.format("%g", volume.series_index), volume.title)
    end
    return volume.title
end

--- The sentence for a word of `transfer.fetch`, or for "other" (file of that name) or "no_file".
function outcome.reason(word, answer)
    if word == "network" and answer and answer.did_arrive then
        return BROKEN_OFF
    end
    return REASONS[word] or words.failure(word, answer) or REASONS.failed
end

local function counts_text(result)
    local total, done, here = result.total, result.downloaded, result.here
    if here == total then
        return T(N_("The book is already here.", "All %1 books are already here.", total), total)
    elseif here > 0 then
        local text = N_(
            "%1 of %2 books downloaded, 1 was already here.",
            "%1 of %2 books downloaded, %3 were already here.",
            here
        )
        return T(text, done, total, here)
    end
    return T(N_("%1 of 1 book downloaded.", "%1 of %2 books downloaded.", total), done, total)
end

local function left_text(result)
    local left = result.total - result.downloaded - result.here - #result.failures
    if left == 0 then
        return nil
    elseif result.was_cancelled then
        local text =
            N_("1 is left. Downloading again goes on there.", "%1 are left. Downloading again goes on there.", left)
        return T(text, left)
    end
    return T(N_("1 was not tried.", "%1 were not tried.", left), left)
end

--- `result`: total, downloaded, here, failures (each { volume, word, answer }), was_cancelled. Answers the text, one
--- line for each failure, and how many lines that is.
function outcome.summary(result)
    local lines = { counts_text(result) }
    table.insert(lines, left_text(result))
    for _index, failure in ipairs(result.failures) do
        local reason = outcome.reason(failure.word, failure.answer)
        table.insert(lines, T(_("%1: %2"), outcome.label(failure.volume), reason))
    end
    return table.concat(lines, "\n"), #lines
end

return outcome
