import CTensorKernels
import Foundation
import Testing

@Suite("Instruction sets agree")
struct InstructionSetTests {
    /// The wider instruction sets that this processor has.
    static let wider = ["avx2", "avx512"].filter { (name: String) in tensor_kernels_named(name) != nil }

    @Test(arguments: KernelCase.all)
    func agrees(_ kernel: KernelCase) throws {
        let baseline = try #require(tensor_kernels_named("baseline")).pointee
        let expected = kernel.results(baseline)
        let scale = max(expected.map(abs).max() ?? 0, 1e-30)
        #expect(expected.allSatisfy(\.isFinite) && scale > 1e-3, "a case that shows nothing")
        for name in Self.wider {
            let found = kernel.results(try #require(tensor_kernels_named(name)).pointee)
            #expect(found.count == expected.count)
            let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
            #expect(difference / scale <= kernel.bound, "\(name) against baseline")
        }
    }

    /// The tables' names, and that the one in use is one of them.
    @Test func names() throws {
        for name in ["baseline"] + Self.wider {
            #expect(String(cString: try #require(tensor_kernels_named(name)).pointee.name) == name)
        }
        #expect(tensor_kernels_named("mmx") == nil)
        #expect((["baseline"] + Self.wider).contains(String(cString: tensor_kernels().pointee.name)))
    }

    @Test("A TENSOR_ISA that names no instruction set ends the process with a sentence")
    func misspelt() async throws {
        let result = try await #require(processExitsWith: .exitCode(64), observing: [\.standardErrorContent]) {
            setenv("TENSOR_ISA", "avx521", 1)
            _ = tensor_kernels()
        }
        let message = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(message.contains("TENSOR_ISA: expected an instruction set of this processor:"))
        #expect(message.contains("found \"avx521\""))
    }
}
