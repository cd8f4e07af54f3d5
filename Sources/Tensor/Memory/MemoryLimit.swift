import Foundation

/// The memory that this process may use: the machine's, or less if a control group (as in containers) or the process's own limit
/// (`ulimit -v`) grants less.
public struct MemoryLimit: Sendable, Equatable {
    /// The maximum number of bytes that the process can hold.
    public let limit: Int
    /// The bytes of the limit that are free now; file caches count as free.
    public let available: Int
    /// The origin of the limit, such as the machine or a control group.
    public let source: String

    /// A limit, the bytes available of it, and its origin.
    public init(limit: Int, available: Int, source: String) {
        (self.limit, self.available, self.source) = (limit, min(limit, available), source)
    }

    /// The limit of this process now.
    public static var current: MemoryLimit {
        var address = rlimit()
        let isLimited = getrlimit(addressSpace, &address) == 0 && address.rlim_cur < rlim_t(Int.max)
        return MemoryLimit(
            root: URL(filePath: "/"), physical: Int(clamping: ProcessInfo.processInfo.physicalMemory),
            addressSpace: isLimited ? Int(clamping: address.rlim_cur) : nil)
    }

    #if canImport(Darwin)
        private static let addressSpace = RLIMIT_AS
    #else
        private static let addressSpace = __rlimit_resource_t(RLIMIT_AS.rawValue)
    #endif

    /// The limits in the files below `root`, laid out like Linux's `/proc` and `/sys/fs/cgroup`.
    init(root: URL, physical: Int, addressSpace: Int? = nil) {
        func text(_ path: String) -> String? { try? String(contentsOf: root.appending(path: path), encoding: .utf8) }
        func number(_ path: String) -> Int? {
            text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        }
        func field(_ name: String, in text: String?) -> Int? {
            text?.split(separator: "\n").first { $0.hasPrefix(name) }?
                .split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
        }
        let system = text("proc/meminfo")
        let machine = MemoryLimit(
            limit: physical + 1024 * (field("SwapTotal:", in: system) ?? 0),
            available: 1024
                * ((field("MemAvailable:", in: system) ?? physical / 1024) + (field("SwapFree:", in: system) ?? 0)),
            source: "the machine")
        var all = [machine]
        for line in text("proc/self/cgroup")?.split(separator: "\n") ?? [] {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isUnified = parts[1].isEmpty
            guard isUnified || parts[1].split(separator: ",").contains("memory") else { continue }
            let (mount, names) =
                isUnified
                ? ("sys/fs/cgroup", ("memory.max", "memory.current"))
                : ("sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes"))
            // A group's ancestors limit it too. Inside a container only its own group may be visible, at the root.
            let path = parts[2].split(separator: "/")
            for depth in 0...path.count {
                let folder = ([mount] + path.prefix(depth).map(String.init)).joined(separator: "/")
                guard let limit = number("\(folder)/\(names.0)"), limit < machine.limit else { continue }
                let used = number("\(folder)/\(names.1)") ?? 0
                let caches = field("inactive_file", in: text("\(folder)/memory.stat")) ?? 0
                all.append(
                    MemoryLimit(
                        limit: limit, available: min(machine.available, max(0, limit - used + caches)),
                        source: "the control group \(parts[2])"))
            }
        }
        if let addressSpace {
            let used =
                (text("proc/self/statm")?.split(separator: " ").first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
            all.append(
                MemoryLimit(
                    limit: addressSpace, available: min(machine.available, max(0, addressSpace - used)),
                    source: "the process's limit (ulimit -v)"))
        }
        self = all.min { ($0.limit, $0.available) < ($1.limit, $1.available) } ?? machine
    }
}

/// An error for work that needs more memory than is granted.
public struct MemoryShortage: Error, Equatable, Sendable, CustomStringConvertible {
    /// One sentence with the memory needed and the memory granted.
    public let description: String
}

extension MemoryLimit {
    /// Checks whether work fits that holds `bytes` throughout, besides the temporary memory of each step.
    ///
    /// Returns a warning if it is close: more than nine tenths of the limit, or more than is free now. Throws ``MemoryShortage``
    /// if it exceeds the limit, which includes swap space.
    public func check(holding bytes: Int, of work: String) throws -> String? {
        func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }
        let need = "\(work) holds \(mebibytes(bytes)) of memory throughout and more in each step"
        if bytes > limit { throw MemoryShortage(description: "\(need); \(source) grants \(mebibytes(limit))") }
        if bytes > limit / 10 * 9 { return "\(need), close to the \(mebibytes(limit)) that \(source) grants" }
        if bytes > available { return "\(need); of the memory \(source) grants, \(mebibytes(available)) are free now" }
        return nil
    }
}
