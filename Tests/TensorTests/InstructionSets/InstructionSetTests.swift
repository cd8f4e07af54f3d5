import CTensorKernels
import Testing

@Suite("Instruction sets agree")
struct InstructionSetTests {
    /// The wider instruction sets that this processor has, and the plain model of tiles.
    static let wider = ["avx2", "avx512", "avx512_bf16", "amx", "model"].filter { (name: String) in
        tensor_kernels_named(name) != nil
    }

    @Test(arguments: KernelCase.all)
    func agrees(_ kernel: KernelCase) throws {
        let baseline = try #require(tensor_kernels_named("baseline")).pointee
        let expected = kernel.results(baseline)
        let scale = max(expected.map(abs).max() ?? 0, 1e-30)
        #expect(expected.allSatisfy(\.isFinite) && scale > 1e-3, "results that are not finite or all nearly zero")
        for name in Self.wider {
            let found = kernel.results(try #require(tensor_kernels_named(name)).pointee)
            #expect(found.count == expected.count)
            let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
            #expect(difference / scale <= kernel.bound, "\(name) against baseline")
        }
    }

    /// The tables have the expected names, and the one in use is among them.
    @Test func names() throws {
        for name in ["baseline"] + Self.wider {
            #expect(String(cString: try #require(tensor_kernels_named(name)).pointee.name) == name)
        }
        #expect(tensor_kernels_named("mmx") == nil)
        #expect((["baseline"] + Self.wider).contains(String(cString: tensor_kernels().pointee.name)))
    }
}
