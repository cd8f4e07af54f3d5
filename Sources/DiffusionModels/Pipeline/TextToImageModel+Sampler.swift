extension TextToImageModel {
    /// A sampler for the model: the one that its files name, with all its settings, as in diffusers' pipeline, or another one.
    ///
    /// Another sampler also uses the files' settings, with its own defaults for those that they do not set, like `from_config` in
    /// diffusers. Outdated files are read as in diffusers' Stable Diffusion pipeline: `steps_offset` is set to 1 and x₀ is not
    /// clipped, with a warning (``Sampler/warnings``). A single file has no scheduler; DDIM with the settings of its model family is
    /// used instead, with trailing timesteps if few steps would otherwise not start from noise, as models for few steps need.
    ///
    /// - Parameters:
    ///   - name: one of ``ShippedSamplers/names``; nil for the one that the model's files name.
    ///   - timestepSpacing: the timestep spacing; nil for that of the files or the sampler's default.
    ///   - eta: the amount of noise that each step adds, 0 to 1, for samplers with this parameter: DDIM and TCD.
    ///   - steps: the number of steps, if known.
    ///
    /// Throws ``ModelError`` for an unknown name, a scheduler class that is not shipped, and unsupported settings.
    public func sampler(
        named name: String? = nil, timestepSpacing: TimestepSpacing? = nil, eta: Double? = nil, steps: Int? = nil
    ) throws -> any Sampler {
        let type = try samplerType(named: name)
        var (configuration, warnings) = schedule.configuration.asPipelineReads(for: type)
        if let timestepSpacing {
            guard type.parameters.defaults["timestep_spacing"] != nil else {
                throw ModelError.invalidArgument(
                    operation: "sampler \(type.name)", argument: "timestepSpacing",
                    expected: "none: \(type.className) has timesteps of its own", found: timestepSpacing.rawValue)
            }
            configuration.timestepSpacing = timestepSpacing
        }
        if configuration.stated["clip_sample"] == nil, type.className != configuration.className,
            configuration.converted(to: type.className).clipsSample
        {
            warnings.append(
                "clip_sample is true by default in \(type.className), which clips x₀ to −1…1; the model's files do not set it"
            )
        }
        let sampler = try type.init(SchedulerSettings(configuration, for: type, eta: eta, warnings: warnings))
        guard let steps, steps <= 4, timestepSpacing == nil, schedule.configuration.isAssumed,
            type.parameters.defaults["timestep_spacing"] != nil
        else { return sampler }
        var begun = sampler
        let first = try begun.begin(steps: steps).points.first
        guard let first, first.timestep < 0.9 * Double(configuration.timestepCount) else { return sampler }
        configuration.timestepSpacing = .trailing
        warnings.append(
            "trailing timesteps are used, because a single file has no scheduler settings and \(steps) step\(steps == 1 ? "" : "s") "
                + "would start at timestep \(Int(first.timestep)) (use --timestep-spacing leading for that)")
        return try type.init(SchedulerSettings(configuration, for: type, eta: eta, warnings: warnings))
    }

    /// The sampler of teachers' images in training, which adds no noise and does not depend on the one that the files name: DDIM, or in flow
    /// matching Euler's method. x₀ is not clipped unless the files say so.
    ///
    /// Throws ``ModelError`` for unsupported settings.
    package func deterministicSampler() throws -> any Sampler {
        if schedule.isFlowMatching { return try FlowMatchEulerSampler(schedule) }
        var configuration = schedule.configuration
        if configuration.stated["clip_sample"] == nil { configuration.clipsSample = false }
        return try DDIMSampler(NoiseSchedule(configuration))
    }

    private func samplerType(named name: String?) throws -> any SchedulerSampler.Type {
        let names = ShippedSamplers.names.joined(separator: ", ")
        if let name {
            guard let type = ShippedSamplers.type(named: name) else {
                throw ModelError.invalidArgument(
                    operation: "sampler", argument: "name", expected: "one of \(names)", found: name)
            }
            return type
        }
        let className = schedule.configuration.className
        guard let type = ShippedSamplers.type(ofClass: className) else {
            throw ModelError.unsupportedField(
                file: "\(self.name)/scheduler", field: "_class_name",
                expected: "a supported scheduler; choose a sampler (--sampler): \(names)", found: className
            )
        }
        return type
    }
}

extension NoiseSchedule.Configuration {
    /// The configuration with the changes of diffusers' Stable Diffusion pipeline, for a sampler of its class or another, and
    /// warnings about the changes.
    ///
    /// A changed default of the file's own class is not passed to another class, which has its own default.
    fileprivate func asPipelineReads(
        for type: any SchedulerSampler.Type
    ) -> (configuration: Self, warnings: [String]) {
        let isOwn = type.className == className
        let parameters = type.parameters.defaults
        var (configuration, warnings) = (self, [String]())
        let ownDefaults = ShippedSamplers.defaults(ofClass: className)
        if let offset = stated["steps_offset"] ?? ownDefaults["steps_offset"], offset.asInteger != 1,
            isOwn || stated["steps_offset"] != nil
        {
            configuration.stepsOffset = 1
            if parameters["steps_offset"] != nil,
                configuration.converted(to: type.className).timestepSpacing == .leading,
                ![LCMSampler.className, TCDSampler.className].contains(type.className)
            {
                warnings.append(
                    "steps_offset is \(offset) in the model's files, which are outdated: 1 is used, as in diffusers")
            }
        }
        if (stated["clip_sample"] ?? ownDefaults["clip_sample"]) == true, isOwn || stated["clip_sample"] != nil {
            configuration.clipsSample = false
            if parameters["clip_sample"] != nil {
                warnings.append(
                    "clip_sample is true in the model's files, which are outdated: x₀ is not clipped, as in diffusers")
            }
        }
        return (configuration, warnings)
    }
}
