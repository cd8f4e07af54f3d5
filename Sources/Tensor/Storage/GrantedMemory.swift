import Foundation

/// How much more memory this process can have: what the system has free, or less where a control group limits it.
public enum GrantedMemory {
    /// The bytes; nil where neither the system nor a control group tells.
    public static var byteCount: Int? {
        #if os(Linux)
            return limits(meminfo: text("/proc/meminfo"), groups: groups(text("/proc/self/cgroup")))
        #else
            return Int(clamping: ProcessInfo.processInfo.physicalMemory)
        #endif
    }

    /// The least of what `/proc/meminfo` calls available and what each control group leaves.
    static func limits(meminfo: String, groups: [(limit: String, used: String)]) -> Int? {
        let line = meminfo.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        let left = groups.compactMap { group in
            // A group without a limit says "max", or a number beyond any memory.
            number(group.limit).flatMap { limit in number(group.used).map { max(0, limit - $0) } }
        }
        return ([kibibytes.map { $0 * 1024 }].compactMap(\.self) + left).min()
    }

    /// Limit and use of the process's group and those above it, of version 2 and of version 1.
    private static func groups(_ membership: String) -> [(limit: String, used: String)] {
        let root = "/sys/fs/cgroup"
        var found = [(text("\(root)/memory/memory.limit_in_bytes"), text("\(root)/memory/memory.usage_in_bytes"))]
        let line = membership.split(separator: "\n").first { $0.hasPrefix("0::") }
        var group = line.map { String($0.dropFirst("0::".count)) } ?? "/"
        while true {
            found.append((text("\(root)\(group)/memory.max"), text("\(root)\(group)/memory.current")))
            if group == "/" || group.isEmpty { return found }
            group = (group as NSString).deletingLastPathComponent
        }
    }

    private static func number(_ text: String) -> Int? { Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
