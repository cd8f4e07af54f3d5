import Testing

@testable import Tensor

@Suite("GrantedMemory")
struct GrantedMemoryTests {
    private let meminfo = "MemTotal:       24000000 kB\nMemAvailable:   20000000 kB\n"

    @Test("GrantedMemory is the least that the system has and a control group leaves")
    func limits() {
        func bytes(_ groups: [(limit: String, used: String)]) -> Int? {
            GrantedMemory.limits(meminfo: meminfo, groups: groups)
        }
        #expect(bytes([]) == 20_480_000_000)
        #expect(bytes([("max\n", "5\n"), ("", "")]) == 20_480_000_000)
        #expect(bytes([("1000\n", "400\n"), ("max", "5")]) == 600)
        #expect(bytes([("1000", "4000")]) == 0)
        #expect(bytes([("9223372036854771712", "400")]) == 20_480_000_000)
        #expect(GrantedMemory.limits(meminfo: "", groups: []) == nil)
    }

    @Test("GrantedMemory of this process is more than nothing")
    func own() throws { #expect(try #require(GrantedMemory.byteCount) > 1 << 20) }
}
