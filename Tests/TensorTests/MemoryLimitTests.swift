import Foundation
import Testing

@testable import Tensor

@Suite("Memory limit")
final class MemoryLimitTests {
    private let root = FileManager.default.temporaryDirectory.appending(path: "root-\(UUID().uuidString)")
    private let gibibyte = 1 << 30

    deinit { try? FileManager.default.removeItem(at: root) }

    private func write(_ text: String, to name: String) throws {
        let file = root.appending(path: name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("\(text)\n".utf8).write(to: file)
    }

    private func machine() throws {
        let fields = ["MemTotal: 16777216 kB", "MemAvailable: 8388608 kB", "SwapTotal: 1048576 kB", "SwapFree: 0 kB"]
        try write(fields.joined(separator: "\n"), to: "proc/meminfo")
    }

    private func granted(addressSpace: Int? = nil) -> MemoryLimit {
        MemoryLimit(root: root, physical: 16 * gibibyte, addressSpace: addressSpace)
    }

    @Test("MemoryLimit without control groups is the machine's memory, including swap space")
    func machineAlone() throws {
        try machine()
        #expect(granted() == MemoryLimit(limit: 17 * gibibyte, available: 8 * gibibyte, source: "the machine"))
        #expect(granted(addressSpace: gibibyte).limit == gibibyte)
    }

    @Test("MemoryLimit uses the tightest limit of the process's cgroup v2 groups and does not count caches as used")
    func secondKind() throws {
        try machine()
        try write("0::/user/session", to: "proc/self/cgroup")
        try write("max", to: "sys/fs/cgroup/user/session/memory.max")
        try write("\(3 * gibibyte)", to: "sys/fs/cgroup/user/memory.max")
        try write("\(2 * gibibyte)", to: "sys/fs/cgroup/user/memory.current")
        try write("anon 5\ninactive_file \(gibibyte)", to: "sys/fs/cgroup/user/memory.stat")
        let found = granted()
        #expect(found.limit == 3 * gibibyte && found.available == 2 * gibibyte)
    }

    @Test("MemoryLimit uses the limit of a cgroup v1 group seen from inside a container")
    func firstKind() throws {
        try machine()
        try write("12:cpu:/\n5:blkio,memory:/docker/abc", to: "proc/self/cgroup")
        try write("\(4 * gibibyte)", to: "sys/fs/cgroup/memory/memory.limit_in_bytes")
        try write("\(gibibyte)", to: "sys/fs/cgroup/memory/memory.usage_in_bytes")
        #expect(granted().limit == 4 * gibibyte && granted().available == 3 * gibibyte)
        try write("9223372036854771712", to: "sys/fs/cgroup/memory/memory.limit_in_bytes")
        #expect(granted().source == "the machine")
    }

    @Test("MemoryLimit.check throws above the limit, and warns close to it and above the free memory")
    func checks() throws {
        let granted = MemoryLimit(limit: 10 * gibibyte, available: 6 * gibibyte, source: "the machine")
        #expect(try granted.check(holding: 5 * gibibyte, of: "a run") == nil)
        #expect(try granted.check(holding: 7 * gibibyte, of: "a run")?.contains("6144 MiB are free now") == true)
        #expect(try granted.check(holding: 19 * gibibyte / 2, of: "a run")?.contains("close to the 10240 MiB") == true)
        #expect(throws: MemoryShortage.self) { try granted.check(holding: 11 * gibibyte, of: "a run") }
        #expect(MemoryLimit.current.limit > 0)
    }
}
