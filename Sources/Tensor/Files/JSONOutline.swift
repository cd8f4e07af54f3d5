/// The depth and field counts of a JSON text, measured before it is decoded. Recursive decoders need stack for each level, and
/// Foundation's takes the first of several fields of the same name, where others take the last.
package struct JSONOutline {
    /// The nesting depth of arrays and objects.
    package private(set) var depth = 0
    /// The number of fields in all objects, including repeated names.
    package private(set) var fieldCount = 0
    /// The number of fields in the outermost object.
    package private(set) var outermostFieldCount = 0

    /// Scans each byte once. The numbers are meaningless if the text is not JSON.
    package init(_ json: some Collection<UInt8>) {
        var (level, inString, escaped) = (0, false, false)
        for byte in json {
            if inString {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\") {
                    escaped = true
                } else {
                    inString = byte != UInt8(ascii: "\"")
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): inString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                level += 1
                depth = max(depth, level)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): level -= 1
            case UInt8(ascii: ":"):
                fieldCount += 1
                if level == 1 { outermostFieldCount += 1 }
            default: break
            }
        }
    }
}
