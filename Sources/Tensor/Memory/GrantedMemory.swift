import Foundation

/// How much memory this process may have: what the machine has, or less where a control group, as containers have, or the process's own
/// limit (`ulimit -v`) grants less.
public struct GrantedMemory: Sendable, Equatable {
    /// The most bytes that the process may ever hold.
    public let limit: Int
    /// How many of them nobody uses now; memory that only caches files counts as unused.
    public let available: Int
    /// What sets the limit.
    public let source: String

    /// A limit.
    public init(limit: Int, available: Int, source: String) {
        (self.limit, self.available, self.source) = (limit, min(limit, available), source)
    }

    /// What is granted now.
    public static var current: GrantedMemory {
        var address = rlimit()
        let isLimited = getrlimit(addressSpace, &address) == 0 && address.rlim_cur < rlim_t(Int.max)
        return GrantedMemory(
            root: URL(filePath: "/"), physical: Int(clamping: ProcessInfo.processInfo.physicalMemory),
            addressSpace: isLimited ? Int(clamping: address.rlim_cur) : nil)
    }

    #if canImport(Darwin)
        private static let addressSpace = RLIMIT_AS
    #else
        private static let addressSpace = __rlimit_resource_t(RLIMIT_AS.rawValue)
    #endif

    /// What the files below `root` say, as Linux has them in `/proc` and `/sys/fs/cgroup`.
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
        let machine = GrantedMemory(
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
            // A group is bound by those above it too; in a container only its own may be seen, at the top.
            let path = parts[2].split(separator: "/")
            for depth in 0...path.count {
                let folder = ([mount] + path.prefix(depth).map(String.init)).joined(separator: "/")
                guard let limit = number("\(folder)/\(names.0)"), limit < machine.limit else { continue }
                let used = number("\(folder)/\(names.1)") ?? 0
                let caches = field("inactive_file", in: text("\(folder)/memory.stat")) ?? 0
                all.append(
                    GrantedMemory(
                        limit: limit, available: min(machine.available, max(0, limit - used + caches)),
                        source: "the control group \(parts[2])"))
            }
        }
        if let addressSpace {
            let used =
                (text("proc/self/statm")?.split(separator: " ").first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
            all.append(
                GrantedMemory(
                    limit: addressSpace, available: min(machine.available, max(0, addressSpace - used)),
                    source: "the process's limit (ulimit -v)"))
        }
        self = all.min { ($0.limit, $0.available) < ($1.limit, $1.available) } ?? machine
    }
}

/// More memory is needed than there can be.
public struct MemoryShortage: Error, Equatable, Sendable, CustomStringConvertible {
    /// One sentence with what is needed and what is granted.
    public let description: String
}

extension GrantedMemory {
    /// Whether a work fits that will write to so many bytes from beginning to end, besides what it needs in between.
    ///
    /// Returns a sentence where it is close: more than nine tenths of the limit, or more than nobody uses now. Throws
    /// ``MemoryShortage`` where it surely will not fit: more than the limit, swap space included.
    public func check(holding bytes: Int, of work: String) throws -> String? {
        func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }
        let need = "\(work) holds \(mebibytes(bytes)) of memory throughout and more in each step"
        if bytes > limit { throw MemoryShortage(description: "\(need); \(source) grants \(mebibytes(limit))") }
        if bytes > limit / 10 * 9 { return "\(need), close to the \(mebibytes(limit)) that \(source) grants" }
        if bytes > available { return "\(need); of what \(source) grants \(mebibytes(available)) are free now" }
        return nil
    }
}
