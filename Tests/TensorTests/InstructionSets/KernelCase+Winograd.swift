import CTensorKernels

private let inputs = 21
private let outputs = 19
private let planes = 36

extension KernelCase {
    /// Weights of up to 11 in the transforms partly cancel, which costs a digit.
    private static let transformed = 5e-6

    static let winograd = [
        KernelCase("Winograd's convolution", within: transformed) { k -> [Float] in convolution(k, upsampling: 1) },
        KernelCase("Winograd's convolution of a 2× upsampled map", within: transformed) { k -> [Float] in
            convolution(k, upsampling: 2)
        },
        KernelCase("Winograd's convolution of few tiles", within: transformed) { k -> [Float] in
            convolutionOfFew(k, upsampling: 1)
        },
        KernelCase("Winograd's convolution of few tiles of a 2× upsampled map", within: transformed) { k -> [Float] in
            convolutionOfFew(k, upsampling: 2)
        },
        KernelCase("winograd_output_gradient", within: transformed) { k -> [Float] in
            outputGradient(k, upsampling: 1)
        },
        KernelCase("winograd_output_gradient of pairs", within: transformed) { k -> [Float] in
            outputGradient(k, upsampling: 2)
        },
        KernelCase("winograd_kernel_gradient", within: transformed) { k -> [Float] in kernelGradient(k, paired: false)
        },
        KernelCase("winograd_kernel_gradient of pairs", within: transformed) { k -> [Float] in
            kernelGradient(k, paired: true)
        },
    ]

    private static func outputGradient(_ k: tensor_kernels, upsampling: Int) -> [Float] {
        var map = map(upsampling: upsampling)
        let tiles = 2 * map.tile_rows * map.tile_columns
        var result = zeros(planes * tiles * outputs)
        let gradients = numbers(2 * map.target_height * map.target_width * outputs, seed: 21)
        k.winograd_output_gradient(&map, gradients, 0, tiles, &result, tiles * outputs)
        return result
    }

    private static func kernelGradient(_ k: tensor_kernels, paired: Bool) -> [Float] {
        let count = inputs * outputs
        var taps = zeros(9 * count)
        k.winograd_kernel_gradient(paired, count, numbers(planes * count, seed: 22), count, &taps)
        return taps
    }

    /// Two images of 10 × 13 pixels, or upsampled 2×, so that their pixels are equal in pairs.
    private static func map(upsampling: Int) -> tensor_winograd_map {
        let (height, width) = (10 * upsampling, 13 * upsampling)
        return tensor_winograd_map(
            source_height: 10, source_width: 13, channels: inputs, target_height: height, target_width: width,
            target_channels: outputs, padding_top: 1, padding_left: 1, upsampling: upsampling,
            tile_rows: (height + 3) / 4, tile_columns: (width + 3) / 4, paired: upsampling == 2)
    }

    /// [input][tap][output] to [input][tap][column] for the panel that begins at an output.
    private static func rows(from first: Int, panel: Int) -> [Float] {
        let taps = numbers(inputs * 9 * outputs, seed: 18)
        var rows = zeros(inputs * 9 * panel)
        for row in 0..<inputs * 9 {
            for column in 0..<min(panel, outputs - first) {
                rows[row * panel + column] = taps[row * outputs + first + column]
            }
        }
        return rows
    }

    /// The convolution in which a kernel's planes are used immediately, for few tiles.
    private static func convolutionOfFew(_ k: tensor_kernels, upsampling: Int) -> [Float] {
        var map = map(upsampling: upsampling)
        let (tiles, panel, together) = (2 * map.tile_rows * map.tile_columns, k.highest.panel_width, 16)
        var transformed = zeros(2 * planes * tiles * together)
        k.winograd_input(
            &map, numbers(2 * 10 * 13 * inputs, seed: 17), 0, tiles, together, &transformed, tiles * together)
        var result = zeros(2 * map.target_height * map.target_width * outputs)
        for first in stride(from: 0, to: outputs, by: panel) {
            let rows = rows(from: first, panel: panel)
            var sums = zeros(planes * tiles * panel)
            for channel in stride(from: 0, to: inputs, by: together) {
                k.winograd_few(
                    map.paired, tiles, min(together, inputs - channel),
                    Array(transformed[(channel * planes * tiles)...]),
                    Array(rows[(channel * 9 * panel)...]), 9 * panel, panel, &sums, tiles * panel, tensor_lines())
            }
            k.winograd_output(&map, sums, tiles * panel, 0, tiles, first, nil, 0, nil, &result)
        }
        return result
    }

    /// All steps of the convolution, with a bias per image and an addend.
    private static func convolution(_ k: tensor_kernels, upsampling: Int) -> [Float] {
        var map = map(upsampling: upsampling)
        let (tiles, panel) = (2 * map.tile_rows * map.tile_columns, k.highest.panel_width)
        let count = 2 * map.target_height * map.target_width * outputs
        var transformed = zeros(planes * tiles * inputs)
        k.winograd_input(
            &map, numbers(2 * 10 * 13 * inputs, seed: 17), 0, tiles, inputs, &transformed, tiles * inputs)
        var result = zeros(count)
        for first in stride(from: 0, to: outputs, by: panel) {
            let rows = rows(from: first, panel: panel)
            var (kernel, sums) = (zeros(planes * inputs * panel), zeros(planes * tiles * panel))
            k.winograd_kernel(map.paired, inputs, rows, 9 * panel, panel, &kernel, inputs * panel)
            for plane in 0..<planes {
                let product = multiply(
                    k, m: tiles, n: panel, k: inputs,
                    Array(transformed[plane * tiles * inputs..<(plane + 1) * tiles * inputs]),
                    Array(kernel[plane * inputs * panel..<(plane + 1) * inputs * panel]))
                sums.replaceSubrange(plane * tiles * panel..<(plane + 1) * tiles * panel, with: product)
            }
            k.winograd_output(
                &map, sums, tiles * panel, 0, tiles, first, numbers(2 * outputs, seed: 19), outputs,
                numbers(count, seed: 20), &result)
        }
        return result
    }
}
