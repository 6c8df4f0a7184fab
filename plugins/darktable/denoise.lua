-- darktable: what is exported is denoised before it is stored, while “denoise what is exported” is on in the
-- preferences (Lua options); see docs/edit-in.md.

local dt = require "darktable"

if dt.configuration.has_gui then -- darktable-cli would wait for a window for ever
  dt.preferences.register("denoise", "active", "bool", "denoise what is exported",
    "run the command denoise on each exported file", false)
  dt.preferences.register("denoise", "command", "string", "denoise: command",
    "the command line, with its options", "denoise")
end

local function quoted(name)
  if package.config:sub(1, 1) == "\\" then
    return '"' .. name .. '"'
  end
  return "'" .. name:gsub("'", "'\\''") .. "'"
end

dt.register_event("denoise", "intermediate-export-image", function(_, image, name)
  if not dt.preferences.read("denoise", "active", "bool") then
    return
  end
  local command = dt.preferences.read("denoise", "command", "string")
  if command == "" then
    command = "denoise"
  end
  if not os.execute(command .. " --in-place " .. quoted(name)) then
    dt.print("not denoised: " .. image.filename .. "; start darktable from a terminal to read why")
  end
end)
