--- Which revision of each book's place this device has seen, so that the server can tell news from the past.
--
-- Revisions count for one server only: another one's are forgotten.

local Places = {}
Places.__index = Places

local MOST_FILES = 500

--- `stored` is the table to work on; whoever passes it saves it when `is_changed`.
function Places.new(stored)
    stored.revisions = stored.revisions or {}
    return setmetatable({ stored = stored, is_changed = false }, Places)
end

function Places:revision(ko_md5)
    local seen = ko_md5 and self.stored.revisions[ko_md5]
    return seen and seen.revision or nil
end

function Places:remember(ko_md5, revision, now)
    if not ko_md5 or type(revision) ~= "number" or revision == self:revision(ko_md5) then
        return
    end
    self.stored.revisions[ko_md5] = { revision = revision, seen_at = now }
    self.is_changed = true
    self:_forget_oldest()
end

function Places:_forget_oldest()
    local count, oldest, oldest_at = 0, nil, math.huge
    for ko_md5, seen in pairs(self.stored.revisions) do
        count = count + 1
        if seen.seen_at < oldest_at then
            oldest, oldest_at = ko_md5, seen.seen_at
        end
    end
    if count > MOST_FILES then
        self.stored.revisions[oldest] = nil
    end
end

function Places:belong_to(server_id)
    if type(server_id) ~= "string" or server_id == self.stored.server_id then
        return
    end
    if self.stored.server_id then
        self.stored.revisions = {}
    end
    self.stored.server_id = server_id
    self.is_changed = true
end

return Places
