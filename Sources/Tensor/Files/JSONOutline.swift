/// What can be said of a JSON text before it is decoded: decoders that recurse need stack for each level, and Foundation's take the first of
/// several fields of one name, where others take the last.
package struct JSONOutline {
    /// How deep arrays and objects lie in each other.
    package private(set) var depth = 0
    /// How many fields there are in all objects, repetitions included.
    package private(set) var fieldCount = 0
    /// How many of them the outermost object has.
    package private(set) var outermostFieldCount = 0

    /// One look at each byte; of a text that is not JSON the numbers mean nothing.
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
