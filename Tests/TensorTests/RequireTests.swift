import Testing

@testable import Tensor

@Suite("require")
struct RequireTests {
    @Test("A slip in code prints its text, with what was expected and found, in release builds too")
    func printsText() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor([1, 2, 3], shape: [2, 2])
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text.contains("Tensor(_:shape:): [2, 2] holds 4 elements, found 3"), "\(text)")
    }

    @Test("A failed lookup prints its text in release builds too")
    func printsTextOfFailure() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.concatenate([], axis: 0)
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text.contains("concatenate: expected at least one tensor"), "\(text)")
    }

    @Test("require does not form its message when the condition holds")
    func formsNoMessage() {
        var formed = 0
        func message() -> String {
            formed += 1
            return ""
        }
        require(true, message())
        #expect(formed == 0)
    }
}
