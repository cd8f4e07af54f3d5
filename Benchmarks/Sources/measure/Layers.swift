import ArgumentParser
import Autograd
import DiffusionModels
import Foundation
import Tensor

/// The roofline: each layer of a network timed by itself, in the network's order, and added up by kind and size.
struct Layers: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Prints the time, the operations and the share of a matrix product's peak rate for each kind of layer.")

    enum Network: String, CaseIterable, ExpressibleByArgument {
        case unet
        case decode
    }

    @Argument(help: "unet or decode.") var network: Network
    @OptionGroup var options: MeasuringOptions
    @Option(help: "Passes over the network; the median of each layer is reported.") var passes = 5

    func run() throws {
        options.apply()
        let peak = Peak.operationsPerSecond()
        let (layers, whole) = try network == .unet ? loadUNet() : loadDecoder()
        var times = layers.map { _ in [Double]() }
        var wholeTimes: [Double] = []
        // The first pass warms up memory.
        for pass in 0...passes {
            let time = seconds(whole)
            if pass > 0 { wholeTimes.append(time) }
            for (index, layer) in layers.enumerated() {
                let time = seconds(layer.run)
                if pass > 0 { times[index].append(time) }
            }
        }
        print("Peak rate of a matrix product on \(options.threads) threads: \(format(peak / 1e9, 0)) GFLOPS.\n")
        printTable(zip(layers, times.map(median)).map { ($0, $1) }, whole: median(wholeTimes), peak: peak)
    }

    private func loadUNet() throws -> ([Layer], () -> Void) {
        let unet = try ModelFiles(contentsOf: options.model).unet()
        let side = options.latentSize(of: unet)
        let layers = NetworkLayers(unet.configuration, side: side, options: options).layers(of: unet.parameters)
        var stream = RandomStream(seed: 0)
        let latents = Variable(stream.normal([options.batch, side, side, unet.configuration.inputChannels]))
        let text = Variable(options.embeddings(for: unet, count: options.batch, using: &stream))
        return (layers, { _ = unet(latents, timesteps: [999], textEmbeddings: text) })
    }

    private func loadDecoder() throws -> ([Layer], () -> Void) {
        let autoencoder = try ModelFiles(contentsOf: options.model).autoencoder()
        let side = options.size ?? 64
        let layers = NetworkLayers(autoencoder.configuration, side: side, options: options)
            .layers(of: autoencoder.parameters)
        var stream = RandomStream(seed: 0)
        let latents = Variable(
            stream.normal([options.batch, side, side, autoencoder.configuration.latentChannels]))
        return (layers, { _ = autoencoder.decode(latents) })
    }

    private func printTable(_ layers: [(layer: Layer, seconds: Double)], whole: Double, peak: Double) {
        print("| layers | size | number | seconds | GFLOP | GFLOPS | share of peak |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for kind in Layer.Kind.allCases {
            let own = Dictionary(grouping: layers.filter { $0.layer.kind == kind }, by: \.layer.size)
            for (size, group) in own.sorted(by: { $0.key > $1.key }) {
                printRow(
                    [kind.rawValue, "\(size)²", "\(group.count)"], seconds: group.map(\.seconds).reduce(0, +),
                    operations: group.map(\.layer.operations).reduce(0, +), peak: peak)
            }
        }
        let (sum, operations) = layers.reduce((0, 0)) { ($0.0 + $1.seconds, $0.1 + $1.layer.operations) }
        printRow(["rest", "", ""], seconds: whole - sum, operations: 0, peak: peak)
        printRow(["**whole**", "", ""], seconds: whole, operations: operations, peak: peak)
    }

    private func printRow(_ cells: [String], seconds: Double, operations: Double, peak: Double) {
        let speed = operations / seconds
        let rates =
            operations > 0
            ? [format(operations / 1e9, 1), format(speed / 1e9, 0), "\(format(100 * speed / peak, 0)) %"]
            : ["–", "–", "–"]
        print("| " + (cells + [format(seconds, 3)] + rates).joined(separator: " | ") + " |")
    }
}

private func format(_ number: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", number) }

private func median(_ numbers: [Double]) -> Double {
    let sorted = numbers.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
